import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultClient } from './fault-client.js';

export const bystanderName = 'bystander';
/** How many calls to another function have to succeed around each fault. */
export const bystanderCalls = 100;

const pauseMs = 3;
const timeoutMs = 10_000;

/** Calls a function that has nothing to do with a fault, for as long as the fault lasts, and notes what fails. */
export class Bystander {
  /** Milliseconds of the slowest call. */
  slowestMs = 0;
  private done = 0;
  private faultIsOver = false;
  private readonly failures: string[] = [];
  private finished: Promise<void> = Promise.resolve();

  constructor(private readonly client: FaultClient) {}

  /** Begins to call. */
  start(): void {
    this.finished = this.run();
  }

  /** How many calls have been answered, rightly or not. */
  get calls(): number {
    return this.done;
  }

  /** The fault is over. Resolves with what went wrong, when all calls are answered. */
  async stop(): Promise<string[]> {
    this.faultIsOver = true;
    await this.finished;
    const [first] = this.failures;
    return first === undefined ? [] : [`${this.failures.length} of ${this.done} calls to another function failed, such as: ${first}`];
  }

  private async run(): Promise<void> {
    while (!this.faultIsOver || this.done < bystanderCalls) {
      const input = `bystander ${this.done}`;
      const { code, details, text, tookMs } = await this.client.invoke(bystanderName, input, { timeoutMs });
      this.done += 1;
      this.slowestMs = Math.max(this.slowestMs, tookMs);
      if (code !== 'OK') this.failures.push(`${code} ${details}`);
      else if (text !== input) this.failures.push(`${JSON.stringify(input)} came back as ${JSON.stringify(text.slice(0, 100))}`);
      // Those that are left when the fault was short need not be spread.
      if (!this.faultIsOver) await sleep(pauseMs);
    }
  }
}
