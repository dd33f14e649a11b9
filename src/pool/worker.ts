import { performance } from 'node:perf_hooks';
import { DcfError } from '../core/errors.js';
import { BodyPool } from '../wire/body-pool.js';
import type { ConnectionOptions } from '../wire/connection.js';
import { Connection } from '../wire/connection.js';
import type { InitHeader, Message, ReadyHeader } from '../wire/messages.js';
import type { Call } from './call.js';
import type { KillReason } from './end-reason.js';
import type { LogLine } from './log-line.js';
import type { MemoryUse } from './memory-watch.js';
import type { CallFunction } from './nested-call.js';
import { NestedCalls } from './nested-calls.js';
import { Places } from './places.js';

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

/** Calls that a Handler gets at once. */
export interface Batch {
  /** Those that are not answered. */
  left: number;
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

/** Of the outputs of all calls. */
const outputs = new BodyPool();
const releaseOutput = (output: Uint8Array): void => outputs.release(output);

/** So that the gateway can write its envelope around a reply without a copy. */
const headroom = 16;

/** Where calls are as short as this, in milliseconds, what a worker waits for the next one counts: 0.3 to 1 ms, under overload most. */
const shortRunMs = 20;
/** Calls after which the mean of their times says something. */
const fewCalls = 10;

/** `off` is for bench/benchmarks/ahead.ts alone, which measures what sending ahead is worth. */
const sendsAhead = process.env['DCF_BENCH_AHEAD'] !== 'off';

/** All that a stream that ended well has put out has come in chunks. */
const noOutput = { ok: true, output: new Uint8Array(0), headroom: 0, release: () => undefined } as const;

/** The daemon's side of one worker: its stream and the calls that it has. */
export class Worker {
  readonly index: number;
  /** Set once the Handler is built. */
  readiness: ReadyHeader | undefined;
  calls = 0;
  /** Sent while every slot was taken, so that the worker need not wait for the next call; it has not begun. */
  private ahead: Call | undefined;
  /** Slots that are taken, and the call ahead. */
  private taken = 0;
  /** Calls that it has whose chunks come and go. */
  private streams = 0;
  private answered = 0;
  private meanRunMs = 0;
  private readonly connection: Connection;
  private readonly places: Places;
  private readonly nested: NestedCalls;
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
    const { concurrency, maxBatch } = init;
    this.places = new Places(concurrency * maxBatch + 1);
    this.connection = new Connection({
      open,
      headroom,
      allocate: (bytes) => outputs.allocate(bytes),
      maxBodyLength: init.maxPayload,
      pauseWhenCongested: false,
      onMessage: (message) => this.receive(message),
      takesLog: () => home.takesLine(),
      onClose: (error) => {
        this.over = true;
        events.closed(error);
      },
    });
    this.nested = new NestedCalls(events.callFunction, (message) => this.connection.send(message));
  }

  /** Has the Handler built. */
  build(): void {
    this.connection.send({ type: 'INIT', init: this.init });
  }

  /** Calls, or batches, that it can begin at once. */
  get freeSlots(): number {
    return this.readiness !== undefined && this.accepting ? this.init.concurrency - this.taken : 0;
  }

  /** Whether one more call may be sent ahead of the slot that it will need. */
  get takesAhead(): boolean {
    if (!sendsAhead || this.readiness === undefined || !this.accepting || this.ahead !== undefined) return false;
    // How long a stream goes on nobody knows.
    if (this.answered < fewCalls || this.meanRunMs > shortRunMs || this.streams > 0) return false;
    return !this.readiness.callBatch && this.taken === this.init.concurrency;
  }

  /** Calls that it has and has not answered. */
  get running(): number {
    return this.places.size;
  }

  /** Whether a call that somebody waits for has begun here and is not answered. */
  get busy(): boolean {
    return this.places.all().some((call) => call !== this.ahead && !call.settled);
  }

  /** Whether it has a stream that somebody waits for. */
  get streaming(): boolean {
    return this.streams > 0 && this.places.all().some((call) => call.stream !== undefined && !call.settled);
  }

  /** Calls that hold its slots: those that have begun, and the one ahead when it is about to. */
  *holders(): Iterable<Call> {
    const begins = this.taken <= this.init.concurrency;
    for (const call of this.places.all()) if (begins || call !== this.ahead) yield call;
  }

  /** Sends a call to the Handler. The caller has seen that a slot is free, or that one may be sent ahead. */
  dispatch(call: Call): void {
    const announce = this.taken >= this.init.concurrency;
    this.taken += 1;
    if (announce) this.ahead = call;
    this.send(call, announce, false);
  }

  /** Sends calls that the Handler gets at once. The caller has seen that a slot is free. */
  dispatchBatch(calls: readonly Call[]): void {
    const batch: Batch = { left: calls.length };
    this.taken += 1;
    calls.forEach((call, index) => {
      call.batch = batch;
      this.send(call, false, index < calls.length - 1);
    });
  }

  /** Tells the Handler that nobody waits any more. The slot stays taken until it answers. */
  cancel(call: Call): void {
    this.connection.send({ type: 'CANCEL', id: call.wireId });
  }

  /** Asks for the call that was sent ahead; it comes back unless it has begun meanwhile. */
  recall(): void {
    if (this.ahead !== undefined) this.connection.send({ type: 'RECALL', id: this.ahead.wireId });
  }

  /** How long the call that was sent ahead has waited, in milliseconds; 0 without one. */
  get aheadAge(): number {
    return this.ahead?.age ?? 0;
  }

  hasBegun(call: Call): boolean {
    return call !== this.ahead;
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
    const ahead = this.over ? this.ahead : undefined;
    this.accepting = false;
    this.connection.destroy();
    for (const call of this.places.takeAll()) {
      this.letGo(call);
      if (call !== ahead) call.end({ ok: false, error });
    }
    return ahead;
  }

  private send(call: Call, announce: boolean, more: boolean): void {
    this.places.put(call);
    const { requestId, metadata, input } = call.invocation;
    const { stream, remainingMs } = call;
    call.holder = this;
    call.ranIn = this;
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
      requestId,
      metadata,
      body: input,
    });
    if (stream === undefined) return;
    this.streams += 1;
    stream.open((message) => this.connection.send(message));
  }

  private receive(message: Message): void {
    switch (message.type) {
      case 'RESULT': {
        const call = this.release(message.id);
        const success = { ok: true, output: message.body, headroom, release: releaseOutput } as const;
        if (call.stream === undefined) {
          this.answered += 1;
          this.meanRunMs += 0.1 * (performance.now() - call.startedAt - this.meanRunMs);
          call.succeed(success);
        } else {
          call.stream.receive(success);
          call.end(noOutput);
        }
        this.events.freed(this);
        return;
      }
      case 'DATA':
      case 'END':
      case 'CREDIT':
        this.receiveOfStream(message);
        return;
      case 'ERROR': {
        const call = this.release(message.id);
        const { code, stack, reason } = message;
        if (stack !== '' && (code === 'UNKNOWN' || code === 'INTERNAL')) this.log('error', Date.now(), stack, call.invocation.requestId);
        call.end({ ok: false, error: new DcfError(code, message.message, { reason }) });
        this.events.freed(this);
        return;
      }
      case 'STARTED': {
        const { ahead } = this;
        if (ahead?.wireId !== message.id) throw new DcfError('INTERNAL', `call ${message.id} has started, which was not sent ahead`);
        this.ahead = undefined;
        ahead.startedAt = performance.now();
        this.events.started(ahead);
        this.events.freed(this);
        return;
      }
      case 'RETURNED':
        this.events.returned(this.release(message.id));
        this.events.freed(this);
        return;
      case 'LOG':
        this.log(message.level, message.time, message.text, this.places.requestIdOf(message.id));
        return;
      case 'NESTED_CALL':
        this.nested.take(message, this.runningCall(message.parent));
        return;
      case 'CANCEL':
        for (const call of this.places.all()) call.cancelNested(message.id);
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

  private receiveOfStream(message: Extract<Message, { type: 'DATA' | 'END' | 'CREDIT' }>): void {
    const call = this.places.find(message.id);
    // It crossed the end of its call.
    if (call === undefined) return;
    const { stream } = call;
    if (stream === undefined) throw new DcfError('INTERNAL', `${message.type} came for call ${message.id}, which is no stream`);
    switch (message.type) {
      case 'DATA':
        stream.receive({ output: message.body, headroom, release: releaseOutput });
        return;
      case 'CREDIT':
        stream.grant(message.bytes);
        return;
      case 'END':
        this.release(message.id);
        call.end(noOutput);
        this.events.freed(this);
        return;
      default:
        message satisfies never;
    }
  }

  private release(id: number): Call {
    const call = this.places.take(id);
    this.letGo(call);
    return call;
  }

  private runningCall(id: number): Call | undefined {
    const call = this.places.find(id);
    return call === this.ahead ? undefined : call;
  }

  private letGo(call: Call): void {
    const { batch } = call;
    if (call === this.ahead) this.ahead = undefined;
    if (batch !== undefined) batch.left -= 1;
    if (batch === undefined || batch.left === 0) this.taken -= 1;
    if (call.stream !== undefined) this.streams -= 1;
    call.holder = undefined;
    call.batch = undefined;
    call.released();
  }

  private log(level: LogLine['level'], time: number, text: string, callId: string): void {
    this.events.log({ time, level, text, callId, worker: this.init.worker });
  }
}
