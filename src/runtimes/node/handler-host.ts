import type { Context, Handler } from '@dcf/sdk';
import { setWorkerLink } from '@dcf/sdk/worker';
import type { InitHeader, LogLevel, Message } from '../../wire/messages.js';
import { CallRunner } from './calls/call-runner.js';
import { NestedCalls } from './calls/nested-calls.js';
import type { CallFor } from './calls/request.js';
import { createLogger } from './worker-log.js';

/** The part of INIT that the Handler and its calls depend on. */
export type HostInit = Omit<InitHeader, 'protocol' | 'handler' | 'directory' | 'initializer'>;

/** Carries the messages between a Handler and the daemon. */
export interface HostLink {
  send: (message: Message) => void;
  /** Calls `done` once the system has accepted everything that was sent. */
  handOver: (done: () => void) => void;
  /** Writes what was sent at once, not only at the end of the turn of the event loop. */
  flush: () => void;
  /** Writes a line to the function's log, with the number of its call; 0 for none. */
  log: (level: LogLevel, text: string, id: number) => void;
  /** Called when no call is left. */
  onIdle: () => void;
}

/** A Handler with its context, its calls and the calls that it makes: everything of a worker but the stream to the daemon. */
export class HandlerHost {
  readonly nested: NestedCalls;
  readonly logger;
  /** The calls; set once the Handler is built. */
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
   * Builds the Handler. Resolves with the execution providers that its sessions use, and whether it takes batches.
   *
   * @param load - builds the Handler with its context
   * @throws whatever `load` throws
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

  /** Receives the daemon's messages about calls. @throws Error for any other message, and for a call before the Handler is built */
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
        throw new Error(`the daemon sent a ${message.type}, which workers do not accept`);
    }
  }

  /** Calls the Handler's `close`, once. Rejects with what that throws. */
  async close(): Promise<void> {
    const { handler } = this;
    this.handler = undefined;
    await handler?.close?.();
  }
}
