import { stackOf } from '../../core/errors.js';

export type StepName = 'receive' | 'prepare' | 'drain' | 'start' | 'switch';

/** What a change of a function tells while it goes on. */
export type ChangeEvent =
  | { kind: 'step'; name: StepName; done: boolean; detail: string }
  | { kind: 'output'; line: string }
  | { kind: 'warning'; text: string }
  /** The Handler's own stack; the change then fails. */
  | { kind: 'stack'; stack: string };

/** Who wants to know how a change goes on, and may give it up. */
export interface Progress {
  emit: (event: ChangeEvent) => void;
  /** Aborts when the client is gone: until the switch that ends the change, and nothing has changed. */
  signal: AbortSignal;
}

/** Runs a step of a change and tells when it begins and when it is done. */
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

/** Tells the Handler's own stack, where that is why a change failed. */
export function tellStack({ emit }: Progress, error: unknown): void {
  if (error instanceof Error && error.cause instanceof Error) emit({ kind: 'stack', stack: stackOf(error.cause) });
}
