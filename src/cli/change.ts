import type { ChangeOptions, ControlClient, DeployProgress, DeployResult } from '@dcf/sdk/control';
import { DcfError } from '@dcf/sdk/errors';
import { withControl } from './clients.js';
import type { Connection } from './config.js';
import { CommandError, daemonFailure } from './errors.js';
import { catchInterrupts } from './interrupt.js';
import { indent } from './output.js';
import { type StepView, stepView } from './steps.js';

/** Shows the steps of a change of a function. */
export class ChangeProgressReader {
  /** The Handler's own stack, once the daemon has told it. */
  stack: string | undefined;
  protected readonly view: StepView;

  constructor(view: StepView) {
    this.view = view;
  }

  read(progress: DeployProgress): void {
    switch (progress.kind) {
      case 'step':
        this.step(progress);
        break;
      case 'output':
        this.view.line(progress.line);
        break;
      case 'warning':
        this.view.warn(progress.text);
        break;
      case 'stack':
        this.stack = progress.stack;
        break;
      case 'upload':
        break;
      default:
        progress satisfies never;
    }
  }

  protected step({ name, done, detail }: Extract<DeployProgress, { kind: 'step' }>): void {
    if (done) this.view.end(detail);
    else this.view.begin(name);
  }
}

/** Asks the daemon for a change of a function and shows how it goes on. A failure says what serves now. */
export async function runChange(
  connection: Connection,
  name: string,
  change: (client: ControlClient, options: ChangeOptions) => Promise<DeployResult>,
): Promise<DeployResult> {
  const view = stepView();
  const reader = new ChangeProgressReader(view);
  const signal = catchInterrupts();
  try {
    return await withControl(connection, async (client) => {
      try {
        return await change(client, { onProgress: (progress) => reader.read(progress), signal });
      } catch (error) {
        view.close();
        throw await changeFailure(client, name, error, reader.stack, signal);
      }
    });
  } finally {
    view.close();
  }
}

/** A change that failed: why, with the Handler's own stack where that is the reason, and what callers get now. */
export async function changeFailure(
  client: ControlClient,
  name: string,
  error: unknown,
  stack: string | undefined,
  signal: AbortSignal,
): Promise<CommandError> {
  const failure = daemonFailure(error, name);
  if (signal.aborted || DcfError.from(error).code === 'UNAVAILABLE') return failure;
  const parts = [failure.message];
  if (stack !== undefined) parts.push(indent(stack));
  parts.push(await whatServesOn(client, name));
  return new CommandError(1, parts.join('\n'), { cause: error });
}

/** What a failed change has left: the user must know whether callers notice. */
async function whatServesOn(client: ControlClient, name: string): Promise<string> {
  try {
    const { summary } = await client.describe(name);
    if (summary !== null && summary.revision !== '')
      return `Nothing has changed: ${name}@${summary.revision} is still the active revision.`;
  } catch (error) {
    if (DcfError.from(error).code !== 'NOT_FOUND') return 'The daemon did not say what serves now: see "dcf list".';
  }
  return `Nothing has changed: ${name} was not deployed before, and is not now.`;
}
