import { AsyncLocalStorage } from 'node:async_hooks';
import { type OnReadOpts, Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Context, Handler } from '@dcf/sdk';
import { setWorkerLink } from '@dcf/sdk/worker';
import { cutText, DcfError, messageOf, stackOf } from '../../core/errors.js';
import { LinkedList } from '../../core/linked-list.js';
import { Connection } from '../../wire/connection.js';
import type { InitHeader, Message } from '../../wire/messages.js';
import { loadHandler } from './load-handler.js';
import { replyBytes } from './reply.js';
import { WorkerRequest } from './request.js';
import { captureConsole, createLogger } from './worker-log.js';

/** How a worker's life ended: its replica exits accordingly. */
export type WorkerEnd = 'finished' | 'init failed' | 'broken';

/** A header holds 64 KiB; message, stack and JSON's escapes have to fit. */
const maxMessageLength = 4 * 1024;
const maxStackLength = 8 * 1024;
const maxLogLength = 64 * 1024;

/** How long a Handler may take to finish once nobody waits for its answers any more. */
const orphanGraceMs = 5_000;

/** Serves one worker on an inherited descriptor until its stream ends. Resolves when the Handler is closed. */
export function serveWorker(descriptor: number): Promise<WorkerEnd> {
  return new Promise((resolve) => {
    new Worker(descriptor, resolve);
  });
}

/** What `await` would wait for: also a promise of another library. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function openDescriptor(fd: number, onread: OnReadOpts): Socket {
  // A variable, because the types of Node 20 do not know `onread` here, although its documentation does.
  const options = { fd, readable: true, writable: true, onread };
  return new Socket(options);
}

class Worker {
  private readonly connection: Connection;
  private readonly running = new LinkedList<WorkerRequest>();
  private readonly callIds = new AsyncLocalStorage<number>();
  private handler: Handler | undefined;
  private concurrent = false;
  private maxPayload = 0;
  private leaving = false;
  private ended = false;

  constructor(
    descriptor: number,
    private readonly onEnd: (end: WorkerEnd) => void,
  ) {
    this.connection = new Connection({
      open: (onread) => openDescriptor(descriptor, onread),
      headroom: 0,
      // The Handler may keep its input for as long as it likes.
      allocate: Buffer.allocUnsafe,
      // The daemon has checked each input against the function's own limit.
      maxBodyLength: 0xffffffff,
      pauseWhenCongested: true,
      onMessage: (message) => this.receive(message),
      onClose: (error) => this.orphaned(error),
    });
  }

  private receive(message: Message): void {
    switch (message.type) {
      case 'INIT':
        void this.init(message.init);
        return;
      case 'CALL':
        this.call(new WorkerRequest(message.id, message.requestId, message.body, message.metadata, message.timeoutMs));
        return;
      case 'CANCEL':
        for (let request = this.running.first; request !== undefined; request = request.next) {
          if (request.wireId === message.id) request.cancel();
        }
        return;
      case 'DRAIN':
        this.leaving = true;
        this.leaveWhenIdle();
        return;
      default:
        throw new Error(`a worker takes no ${message.type}`);
    }
  }

  private async init(init: InitHeader): Promise<void> {
    const started = performance.now();
    const logger = createLogger((level, text) => {
      const id = this.concurrent ? (this.callIds.getStore() ?? 0) : this.currentCall();
      this.connection.send({ type: 'LOG', id, level, time: Date.now(), text: cutText(text, maxLogLength) });
    });
    captureConsole(logger);
    const providers = new Set<string>();
    setWorkerLink({ providers: init.providers, sessionCreated: (provider) => providers.add(provider) });
    this.concurrent = init.concurrency > 1;
    this.maxPayload = init.maxPayload;
    const { parameters, resources, devices, worker, function: name, revision } = init;
    const context: Context = { function: name, revision, parameters, resources, logger, providers: init.providers, devices, worker };
    try {
      this.handler = await loadHandler(init.directory, init.handler, context);
    } catch (error) {
      const message = cutText(messageOf(error), maxMessageLength);
      this.connection.send({ type: 'INIT_FAILED', message, stack: cutText(stackOf(error), maxStackLength) });
      this.end('init failed');
      return;
    }
    const callBatch = 'callBatch' in this.handler && typeof this.handler.callBatch === 'function';
    const initMs = Math.round(performance.now() - started);
    this.connection.send({ type: 'READY', ready: { providers: [...providers], callBatch, initMs } });
  }

  /** With one call at a time there is no doubt whose line it is, and no need to pay for asynchronous context. */
  private currentCall(): number {
    return this.running.first?.wireId ?? 0;
  }

  private call(request: WorkerRequest): void {
    const { handler } = this;
    this.running.push(request);
    try {
      if (handler === undefined) throw new DcfError('INTERNAL', 'the worker got a call before it was ready');
      const reply = this.concurrent ? this.callIds.run(request.wireId, () => handler.call(request)) : handler.call(request);
      // A reply that is there already is sent in this turn.
      if (isThenable(reply))
        Promise.resolve(reply)
          .then((later) => this.succeed(request, later))
          .catch((error: unknown) => this.fail(request, error));
      else this.succeed(request, reply);
    } catch (error) {
      this.fail(request, error);
    }
  }

  /** Throws when the reply is none, or too large. */
  private succeed(request: WorkerRequest, reply: unknown): void {
    const body = replyBytes(reply);
    if (body.length > this.maxPayload) {
      throw new DcfError('RESOURCE_EXHAUSTED', `the reply has ${body.length} bytes; limits.payload is ${this.maxPayload}`);
    }
    this.connection.send({ type: 'RESULT', id: request.wireId, body });
    this.finished(request);
  }

  private fail(request: WorkerRequest, error: unknown): void {
    const code = DcfError.is(error) ? error.code : 'UNKNOWN';
    const message = cutText(messageOf(error), maxMessageLength);
    this.connection.send({ type: 'ERROR', id: request.wireId, code, message, stack: cutText(stackOf(error), maxStackLength) });
    this.finished(request);
  }

  private finished(request: WorkerRequest): void {
    this.running.remove(request);
    if (this.leaving) this.leaveWhenIdle();
  }

  private leaveWhenIdle(): void {
    if (this.running.size > 0) return;
    void this.closeHandler().then(() => this.end('finished'));
  }

  private async closeHandler(): Promise<void> {
    const { handler } = this;
    this.handler = undefined;
    try {
      await handler?.close?.();
    } catch (error) {
      process.stderr.write(`the Handler's close() failed: ${stackOf(error) || messageOf(error)}\n`);
    }
  }

  /** The stream is over without a DRAIN: nobody waits for an answer any more. */
  private orphaned(error: Error | undefined): void {
    if (this.ended) return;
    if (error !== undefined) {
      process.stderr.write(`the worker's stream broke: ${error.message}\n`);
      this.end('broken');
      return;
    }
    this.leaving = true;
    for (let request = this.running.first; request !== undefined; request = request.next) request.cancel();
    setTimeout(() => this.end('finished'), orphanGraceMs).unref();
    this.leaveWhenIdle();
  }

  private end(end: WorkerEnd): void {
    if (this.ended) return;
    this.ended = true;
    this.connection.finish(() => this.onEnd(end));
  }
}
