import type { Context, Handler } from '@dcf/sdk';
import { setWorkerLink } from '@dcf/sdk/worker';
import type { InitHeader, LogLevel, Message } from '../../wire/messages.js';
import { CallRunner } from './calls/call-runner.js';
import { NestedCalls } from './calls/nested-calls.js';
import type { CallFor } from './calls/request.js';
import { createLogger } from './worker-log.js';

/** What of INIT a Handler is built with, and how its calls come. */
export type HostInit = Omit<InitHeader, 'protocol' | 'handler' | 'directory' | 'initializer'>;

/** What carries the messages of a Handler. */
export interface HostLink {
  send: (message: Message) => void;
  /** Calls `done` once the system has all that was sent. */
  handOver: (done: () => void) => void;
  /** Writes what was sent, without waiting for the turn's end. */
  flush: () => void;
  /** Takes a line of the log, with the number of its call; 0 for none. */
  log: (level: LogLevel, text: string, id: number) => void;
  /** No call is left. */
  onIdle: () => void;
}

/** A Handler with its context, its calls and those that it makes: all of a worker but the stream. */
export class HandlerHost {
  readonly nested: NestedCalls;
  readonly logger;
  /** Set once the Handler is built. */
  calls: CallRunner | undefined;
  private handler: Handler | undefined;

  constructor(
    private readonly init: HostInit,
    private readonly link: HostLink,
  ) {
    this.nested = new NestedCalls({ function: init.function, maxPayload: init.maxPayload, send: link.send });
    this.logger = createLogger((level, text) => link.log(level, text, this.calls?.current.id ?? 0));
  }

  /**
   * Has the Handler built. Resolves with the execution providers that it uses, and whether it takes batches.
   *
   * @throws what `load` throws
   */
  async build(load: (context: Context) => Promise<Handler>): Promise<{ providers: readonly string[]; callBatch: boolean }> {
    const { parameters, resources, devices, worker, function: name, revision, concurrency, maxPayload, maxBatch } = this.init;
    const { send, handOver, flush, onIdle } = this.link;
    const providers = new Set<string>();
    setWorkerLink({ providers: this.init.providers, sessionCreated: (provider) => providers.add(provider) });
    const callFor: CallFor = (parent, ...request) => this.nested.call(parent, ...request);
    const call: Context['call'] = (...request) => callFor(this.calls?.current.id ?? 0, ...request);
    const { logger } = this;
    const handler = await load({
      function: name,
      revision,
      parameters,
      resources,
      logger,
      providers: this.init.providers,
      devices,
      worker,
      call,
    });
    this.handler = handler;
    const callBatch = maxBatch > 1 && typeof handler.callBatch === 'function';
    this.calls = new CallRunner({ handler, concurrency, batches: callBatch, maxPayload, send, callFor, handOver, flush, onIdle });
    return { providers: [...providers], callBatch };
  }

  /** Takes what the daemon says of calls. Throws an Error for anything else, and before there can be calls. */
  receive(message: Message): void {
    const { calls, nested } = this;
    switch (message.type) {
      case 'CALL':
        if (calls === undefined) throw new Error('a call came before the worker was ready');
        calls.take(message);
        return;
      case 'CANCEL':
        calls?.cancel(message.id);
        return;
      case 'RESULT':
      case 'ERROR':
        nested.answered(message);
        return;
      case 'DATA':
      case 'END':
      case 'CREDIT':
        calls?.takeStreamed(message);
        return;
      case 'RECALL':
        calls?.recall(message.id);
        return;
      default:
        throw new Error(`a worker takes no ${message.type}`);
    }
  }

  /** Closes the Handler, once. Rejects with what it throws. */
  async close(): Promise<void> {
    const { handler } = this;
    this.handler = undefined;
    await handler?.close?.();
  }
}
