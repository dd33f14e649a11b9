import { performance } from 'node:perf_hooks';
import { DcfError } from '../../core/errors.js';
import type { MemoryUse } from '../../process/memory-watch.js';
import type { ConnectionOptions } from '../../wire/connection.js';
import { Connection } from '../../wire/connection.js';
import type { InitHeader, Message, ReadyHeader } from '../../wire/messages.js';
import type { Call } from '../calls/call.js';
import type { CallFunction } from '../calls/nested-call.js';
import { NestedCalls } from '../calls/nested-calls.js';
import { HandlerLines } from '../output/handler-lines.js';
import type { LogLine } from '../output/log-line.js';
import type { KillReason } from './end-reason.js';
import { InFlightCalls, outputHeadroom } from './in-flight-calls.js';
import { WorkerSlots } from './worker-slots.js';

/** What a worker tells the replica that it belongs to. */
export interface WorkerEvents {
  ready: (worker: Worker) => void;
  initFailed: (message: string, stack: string) => void;
  /** A call was answered, or began: there may be room for another. */
  freed: (worker: Worker) => void;
  /** A call that it was sent ahead comes back, not started. */
  returned: (call: Call) => void;
  /** A call has begun that was sent ahead. */
  started: (call: Call) => void;
  /** It is fit for the calls that it runs, but should be replaced. */
  retire: (why: string) => void;
  log: (line: LogLine) => void;
  callFunction: CallFunction;
  /** The stream is over: in order (`undefined`), or with what broke it. */
  closed: (error: Error | undefined) => void;
}

/** The replica that a worker is a part of. */
export interface WorkerHome {
  readonly id: number;
  readonly memory: MemoryUse;
  /** Whether one more line of the log is taken. */
  takesLine(): boolean;
  condemn(reason: KillReason, graceMs: number): void;
  callEnded(): void;
}

/** The daemon's side of one worker: its stream and the calls that it has. */
export class Worker {
  readonly index: number;
  /** Set once the Handler is built. */
  readiness: ReadyHeader | undefined;
  calls = 0;
  private readonly connection: Connection;
  private readonly slots: WorkerSlots;
  private readonly held: InFlightCalls;
  private readonly nested: NestedCalls;
  private readonly lines: HandlerLines;
  private readonly sendMessage = (message: Message): void => this.connection.send(message);
  private accepting = true;
  /** All that the worker ever wrote has been read. */
  private over = false;

  constructor(
    open: ConnectionOptions['open'],
    private readonly init: InitHeader,
    readonly home: WorkerHome,
    private readonly events: WorkerEvents,
  ) {
    this.index = init.worker;
    this.lines = new HandlerLines(init.worker, events.log);
    const { concurrency, maxBatch } = init;
    this.slots = new WorkerSlots(concurrency);
    this.held = new InFlightCalls(concurrency * maxBatch + 1, this.slots, {
      freed: () => events.freed(this),
      returned: events.returned,
      started: events.started,
      becameStream: () => this.recall(),
      send: this.sendMessage,
      threw: (stack, call) => this.log('error', Date.now(), stack, call.invocation.requestId),
    });
    this.connection = new Connection({
      open,
      headroom: outputHeadroom,
      allocate: (bytes) => this.held.allocate(bytes),
      maxBodyLength: init.maxPayload,
      pauseWhenCongested: false,
      onMessage: (message) => this.receive(message),
      takesLog: () => home.takesLine(),
      onClose: (error) => {
        this.over = true;
        this.lines.close();
        events.closed(error);
      },
    });
    this.nested = new NestedCalls(events.callFunction, this.sendMessage);
  }

  /** Has the Handler built. */
  build(): void {
    this.connection.send({ type: 'INIT', init: this.init });
  }

  /** Calls, or batches, that it can begin at once. */
  get freeSlots(): number {
    return this.readiness !== undefined && this.accepting ? this.slots.free : 0;
  }

  /** Whether one more call may be sent ahead of the slot that it will need. */
  get takesAhead(): boolean {
    const { readiness, slots } = this;
    return readiness !== undefined && this.accepting && slots.takesAhead && !readiness.callBatch;
  }

  /** How long the Handler usually takes for a call, or for a batch, in milliseconds; `undefined` after few calls. */
  get usualRunMs(): number | undefined {
    return this.slots.usualRunMs;
  }

  /** Calls that it has and has not answered. */
  get running(): number {
    return this.held.count;
  }

  /** Whether a call that somebody waits for has begun here and is not answered. */
  get busy(): boolean {
    return this.held.busy;
  }

  /** Whether it has a stream that somebody waits for. */
  get streaming(): boolean {
    return this.held.streaming;
  }

  /** Calls that hold its slots: those that have begun, and the one ahead when it is about to. */
  holders(): Iterable<Call> {
    return this.held.inSlots();
  }

  /** Sends a call to the Handler. The caller has seen that a slot is free, or that one may be sent ahead. */
  dispatch(call: Call): void {
    this.send(call, this.slots.take(call), false);
  }

  /** Sends calls that the Handler gets at once. The caller has seen that a slot is free. */
  dispatchBatch(calls: readonly Call[]): void {
    this.slots.takeForBatch(calls);
    calls.forEach((call, index) => {
      this.send(call, false, index < calls.length - 1);
    });
  }

  /** Tells the Handler that nobody waits any more. The slot stays taken until it answers. */
  cancel(call: Call): void {
    this.connection.send({ type: 'CANCEL', id: call.wireId });
  }

  /** Asks for the call that was sent ahead; it comes back unless it has begun meanwhile. */
  recall(): void {
    const { ahead } = this.slots;
    if (ahead !== undefined) this.connection.send({ type: 'RECALL', id: ahead.wireId });
  }

  /** How long the call that was sent ahead has waited, in milliseconds; 0 without one. */
  get aheadAge(): number {
    return this.slots.ahead?.age ?? 0;
  }

  hasBegun(call: Call): boolean {
    return call !== this.slots.ahead;
  }

  /** Nothing new is sent. */
  close(): void {
    this.accepting = false;
    this.recall();
  }

  /** Nothing new is sent; the worker finishes what it has, closes the Handler and ends its stream. */
  drain(): void {
    this.close();
    this.connection.send({ type: 'DRAIN' });
  }

  /** The worker is gone: fails every call that may have begun. Returns the call that certainly had not. */
  failAll(error: DcfError): Call | undefined {
    const ahead = this.over ? this.slots.ahead : undefined;
    this.accepting = false;
    this.connection.destroy();
    this.held.endAll(error, ahead);
    return ahead;
  }

  private send(call: Call, announce: boolean, more: boolean): void {
    this.held.add(call);
    const { requestId, metadata, query, contentType, input, onChunks } = call.invocation;
    const { stream, remainingMs } = call;
    call.holder = this;
    call.lastWorker = this;
    if (!announce) call.startedAt = performance.now();
    this.calls += 1;
    this.connection.send({
      type: 'CALL',
      id: call.wireId,
      timeoutMs: remainingMs === Number.POSITIVE_INFINITY ? 0 : remainingMs,
      more,
      announce,
      streamIn: stream?.chunked === true,
      streamOut: stream !== undefined,
      mayStream: onChunks !== undefined,
      requestId,
      metadata,
      query,
      contentType,
      body: input,
    });
    stream?.open(this.sendMessage);
  }

  private receive(message: Message): void {
    switch (message.type) {
      case 'RESULT':
      case 'ERROR':
      case 'REPLY_HEAD':
      case 'DATA':
      case 'END':
      case 'CREDIT':
      case 'STARTED':
      case 'RETURNED':
        this.held.receive(message);
        return;
      case 'LOG':
        this.lines.take({ ...message, callId: this.held.requestIdOf(message.id) });
        return;
      case 'NESTED_CALL':
        this.nested.take(message, this.held.begun(message.parent));
        return;
      case 'CANCEL':
        this.held.cancelNested(message.id);
        return;
      case 'READY':
        this.readiness = message.ready;
        this.events.ready(this);
        return;
      case 'INIT_FAILED':
        this.events.initFailed(message.message, message.stack);
        return;
      case 'RETIRE':
        this.events.retire(message.why);
        return;
      default:
        throw new DcfError('INTERNAL', `a worker sends no ${message.type}`);
    }
  }

  private log(level: LogLine['level'], time: number, text: string, callId: string): void {
    this.events.log({ time, level, text, callId, worker: this.init.worker });
  }
}
