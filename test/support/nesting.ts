import type { NestedCallOptions } from '@dcf/sdk';
import type { Owner } from './cleanup.js';
import type { TestDaemon } from './daemon.js';
import { type DeploySettings, deploySource } from './functions.js';
import { untilThere } from './gate.js';

/** What a `nestingSource` Handler is told to do by its input. */
export type Plan =
  | { do: 'answer'; text: string }
  /** Answers with what its request is like: an About. */
  | { do: 'about' }
  | { do: 'throw'; code: string; message: string }
  | { do: 'exit' }
  /** Logs "waits", and answers when the file is there; logs "was aborted" and fails when nobody waits for it any more. */
  | { do: 'wait'; flag: string }
  /** Calls another function and answers with what that answers. */
  | NestedPlan
  /** Calls another function, and answers with the error where there is one: a Caught. */
  | { do: 'catch'; call: NestedPlan }
  /** All at once; answers with the code of each. */
  | { do: 'all'; calls: readonly NestedPlan[] }
  /** One after the other; answers with the code of each. */
  | { do: 'sequence'; calls: readonly NestedPlan[] }
  /** Answers at once, and lets the call go. */
  | { do: 'forget'; call: NestedPlan }
  /** Gives the call up when the file is there. */
  | { do: 'abort'; call: NestedPlan; flag: string };

export interface NestedPlan {
  do: 'call';
  to: string;
  plan: Plan;
  options?: Omit<NestedCallOptions, 'signal'>;
  /** By `request.call` and not by the context's. */
  byRequest?: boolean;
}

export interface About {
  function: string;
  id: string;
  metadata: Record<string, string>;
  /** Milliseconds until its deadline. */
  left: number;
}

export interface Caught {
  code: string;
  message: string;
  reason?: string;
  stack: string;
}

/** A Handler that does what its input, a Plan, says. */
export const nestingSource = `
import { DcfError } from '@dcf/sdk';
declare const process: any;
export class Handler {
  constructor(private context: any) {}
  async call(request: any) { return await this.follow(request.json(), request); }
  async follow(plan: any, request: any): Promise<any> {
    const call = ({ to, plan, options, byRequest }: any, more = {}): Promise<Uint8Array> =>
      (byRequest ? request : this.context).call(to, JSON.stringify(plan), { ...options, ...more });
    switch (plan.do) {
      case 'answer': return plan.text;
      case 'about':
        return { function: this.context.function, id: request.id, metadata: request.metadata, left: request.deadline.getTime() - Date.now() };
      case 'throw': throw new DcfError(plan.code, plan.message);
      case 'exit': return process.exit(7);
      case 'wait':
        console.log('waits');
        ${untilThere('plan.flag', 'request.signal.aborted')}
        if (!request.signal.aborted) return 'waited';
        console.log('was aborted');
        throw request.signal.reason;
      case 'call': return await call(plan);
      case 'catch':
        try { return await call(plan.call); }
        catch (error: any) { return { code: error.code, message: error.message, reason: error.reason, stack: error.stack }; }
      case 'all': return await Promise.all(plan.calls.map((one: any) => call(one).then(() => 'OK', (error) => error.code)));
      case 'sequence': {
        const codes: string[] = [];
        for (const one of plan.calls) codes.push(await call(one).then(() => 'OK', (error) => error.code));
        return codes;
      }
      case 'forget': void call(plan.call); return 'forgot';
      case 'abort': {
        const controller = new AbortController();
        const called = call(plan.call, { signal: controller.signal });
        ${untilThere('plan.flag')}
        controller.abort();
        return await called.catch((error) => error.code);
      }
    }
  }
}
`;

/** Deploys functions that follow plans. */
export async function deployNesting(
  owner: Owner,
  daemon: TestDaemon,
  names: readonly string[],
  settings: DeploySettings = {},
): Promise<void> {
  for (const name of names) await deploySource(owner, daemon, name, nestingSource, settings);
}

/** The plan to call the functions one within the other, and to do `last` in the innermost. */
export function through(names: readonly string[], last: Plan): Plan {
  return names.reduceRight<Plan>((plan, to) => ({ do: 'call', to, plan }), last);
}

export function call(to: string, plan: Plan, more: Partial<NestedPlan> = {}): NestedPlan {
  return { do: 'call', to, plan, ...more };
}

/** Calls a function with a plan, and gives its answer as text. */
export async function follow(
  daemon: TestDaemon,
  name: string,
  plan: Plan,
  options: Parameters<TestDaemon['client']['invoke']>[2] = {},
): Promise<string> {
  return Buffer.from((await daemon.client.invoke(name, JSON.stringify(plan), options)).output).toString();
}
