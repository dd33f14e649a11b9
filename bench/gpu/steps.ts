import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import { type Scope, withScope } from '../harness/scope.js';

/** What one step came to. */
export interface StepResult {
  /** Such as `cuda/resnet`. */
  name: string;
  state: 'done' | 'failed' | 'skipped';
  ms: number;
  /** Why it failed or was left out. */
  detail?: string;
  figures?: Readonly<Record<string, unknown>>;
}

/** How long what a step started may take to end after its time is up. */
const endingMs = 20_000;

/** Runs steps one after the other, each within a time, and keeps what they came to. */
export class Steps {
  readonly results: StepResult[] = [];
  readonly #end: number;

  /**
   * @param limitMs - for all of them together; those that come later are left out
   * @param onResult - is told of each as it ends
   */
  constructor(
    limitMs: number,
    private readonly stopped: AbortSignal,
    private readonly onResult: (result: StepResult) => void,
  ) {
    this.#end = performance.now() + limitMs;
  }

  /** Runs one step. Resolves with its figures, or `undefined` when it failed or was left out. Rejects never. */
  async run<Figures extends Readonly<Record<string, unknown>>>(
    name: string,
    limitMs: number,
    work: (scope: Scope) => Promise<Figures>,
  ): Promise<Figures | undefined> {
    const begun = performance.now();
    const left = this.#end - begun;
    if (left < 1000 || this.stopped.aborted) {
      this.skip(name, this.stopped.aborted ? 'it was stopped' : 'the time for everything was up');
      return undefined;
    }
    const time = Math.min(limitMs, left);
    const signal = AbortSignal.any([this.stopped, AbortSignal.timeout(time)]);
    // Each call in flight listens to it.
    setMaxListeners(0, signal);
    try {
      const figures = await Promise.race([withScope(signal, work), afterAbort(signal)]);
      this.#add({ name, state: 'done', ms: performance.now() - begun, figures });
      return figures;
    } catch (error) {
      const late = signal.aborted && !this.stopped.aborted ? `its ${Math.round(time / 1000)} s were up: ` : '';
      this.#add({ name, state: 'failed', ms: performance.now() - begun, detail: `${late}${messageOf(error)}` });
      return undefined;
    }
  }

  skip(name: string, detail: string): void {
    this.#add({ name, state: 'skipped', ms: 0, detail });
  }

  #add(result: StepResult): void {
    const rounded = { ...result, ms: Math.round(result.ms) };
    this.results.push(rounded);
    this.onResult(rounded);
  }
}

/** Rejects some time after the signal: what hangs in its clean-up must not hold up the rest. */
async function afterAbort(signal: AbortSignal): Promise<never> {
  return await new Promise((_resolve, reject) => {
    const abort = (): void => {
      const timer = setTimeout(() => reject(new DcfError('DEADLINE_EXCEEDED', 'what it started did not end')), endingMs);
      timer.unref();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
}
