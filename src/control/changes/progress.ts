import { stackOf } from '../../core/errors.js';

export type StepName = 'receive' | 'prepare' | 'drain' | 'start' | 'switch';

/** An event of a change of a function. */
export type ChangeEvent =
  | { kind: 'step'; name: StepName; done: boolean; detail: string }
  | { kind: 'output'; line: string }
  | { kind: 'warning'; text: string }
  /** The Handler's own stack; the change then fails. */
  | { kind: 'stack'; stack: string };

/** The client that follows a change. */
export interface Progress {
  emit: (event: ChangeEvent) => void;
  /** Aborts when the client disconnects. Before the step `switch`, the change is then given up, and nothing has changed. */
  signal: AbortSignal;
}

/** Runs a step of a change, and reports when it begins and when it is done. */
export async function runStep<Result>(
  { emit, signal }: Progress,
  name: StepName,
  run: () => Promise<Result>,
  detail: () => string = () => '',
): Promise<Result> {
  signal.throwIfAborted();
  emit({ kind: 'step', name, done: false, detail: '' });
  const result = await run();
  emit({ kind: 'step', name, done: true, detail: detail() });
  return result;
}

/** Reports the Handler's own stack if a change failed because of it. */
export function tellStack({ emit }: Progress, error: unknown): void {
  if (error instanceof Error && error.cause instanceof Error) emit({ kind: 'stack', stack: stackOf(error.cause) });
}
