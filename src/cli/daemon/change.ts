import type { ChangeOptions, ControlClient, DeployProgress, DeployResult } from '@dcf/sdk/control';
import { DcfError } from '@dcf/sdk/errors';
import { CommandError, daemonFailure } from '../terminal/errors.js';
import { catchInterrupts } from '../terminal/interrupt.js';
import { indent } from '../terminal/output.js';
import { type StepView, stepView } from '../terminal/steps.js';
import { withControl } from './clients.js';
import type { Connection } from './config.js';

/** How many lines of output are kept: as many as the daemon sends for a start that failed without a stack. */
const keptLines = 20;

/** Shows the steps of a change of a function. */
export class ChangeProgressReader {
  /** The Handler's own stack, if the daemon has sent one. */
  stack: string | undefined;
  /** The revision that is being deployed, once the daemon has sent its id. */
  revision: string | undefined;
  /** The last lines that the Handler printed while it started. */
  lastLines: readonly string[] = [];
  protected readonly view: StepView;
  #starting = false;

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
        if (this.#starting) this.lastLines = [...this.lastLines, progress.line].slice(-keptLines);
        break;
      case 'warning':
        this.view.warn(progress.text);
        break;
      case 'stack':
        this.stack = progress.stack;
        break;
      case 'revision':
        this.revision = progress.revision;
        break;
      case 'upload':
        break;
      default:
        progress satisfies never;
    }
  }

  protected step({ name, done, detail }: Extract<DeployProgress, { kind: 'step' }>): void {
    this.#starting = name === 'start' && !done;
    if (done) this.view.end(detail);
    else this.view.begin(name);
  }
}

/** Asks the daemon for a change of a function and shows its progress. The error of a failed change says which revision is active. */
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
        throw await changeFailure(client, name, error, reader, signal);
      }
    });
  } finally {
    view.close();
  }
}

/** The error of a failed change: why it failed, the Handler's own stack if there is one, and which revision is active. */
export async function changeFailure(
  client: ControlClient,
  name: string,
  error: unknown,
  { stack, revision, lastLines }: Pick<ChangeProgressReader, 'stack' | 'revision' | 'lastLines'>,
  signal: AbortSignal,
): Promise<CommandError> {
  const failure = daemonFailure(error, name);
  if (signal.aborted || DcfError.from(error).code === 'UNAVAILABLE') return failure;
  const parts = [failure.message];
  // For a start that failed without a stack, the daemon sends the last lines of output, which may have been shown already.
  if (stack !== undefined && !lastLines.join('\n').endsWith(stack)) parts.push(indent(stack));
  if (revision !== undefined && lastLines.length > 0) parts.push(`The output of the Handler: dcf logs ${name} --revision ${revision}`);
  parts.push(await whatServesOn(client, name));
  return new CommandError(1, parts.join('\n'), { cause: error });
}

/** Says which revision is active after a failed change, so that the user knows whether callers are affected. */
async function whatServesOn(client: ControlClient, name: string): Promise<string> {
  try {
    const { summary } = await client.describe(name);
    if (summary !== null && summary.revision !== '')
      return `Nothing has changed: ${name}@${summary.revision} is still the active revision.`;
  } catch (error) {
    if (DcfError.from(error).code !== 'NOT_FOUND') return 'The daemon did not say which revision is active now: see "dcf list".';
  }
  return `Nothing has changed: ${name} is not deployed, and was not before.`;
}
