import { DcfError } from '../../core/errors.js';
import type { MemoryUse } from '../../process/memory-watch.js';
import type { ConnectionOptions } from '../../wire/connection.js';
import { Connection } from '../../wire/connection.js';
import type { InitHeader, Message, ReadyHeader } from '../../wire/messages.js';
import type { Call } from '../calls/call.js';
import { NestedCalls } from '../calls/nested-calls.js';
import { HandlerLines } from '../output/handler-lines.js';
import type { LogLine } from '../output/log-line.js';
import { InFlightCalls, outputHeadroom } from './in-flight-calls.js';
import type { PoolEvents, PoolWorker } from './pool-events.js';
import type { ReplicaPort } from './replica-port.js';
import { WorkerSlots } from './worker-slots.js';

/** The daemon's side of one worker: its stream and the calls that it has. */
export class Worker implements PoolWorker {
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
  /** Whether the stream has ended, and all that the worker wrote was read. */
  private over = false;

  constructor(
    open: ConnectionOptions['open'],
    private readonly init: InitHeader,
    private readonly replica: ReplicaPort,
    events: PoolEvents,
  ) {
    this.index = init.worker;
    this.lines = new HandlerLines(init.worker, (line) => replica.log(line));
    const { concurrency, maxBatch } = init;
    this.slots = new WorkerSlots(concurrency, replica.sendsAhead);
    this.held = new InFlightCalls(concurrency * maxBatch + 1, this.slots, {
      freed: () => {
        replica.callEnded();
        events.slotFreed(this);
      },
      returned: (call) => events.callReturned(call),
      started: (call) => events.callStarted(call),
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
      takesLog: () => replica.takesLine(),
      onClose: (error) => {
        this.over = true;
        this.lines.close();
        replica.streamClosed(this, error);
      },
    });
    this.nested = new NestedCalls(events.callFunction, this.sendMessage);
  }

  /** Has the worker build its Handler. */
  build(): void {
    this.connection.send({ type: 'INIT', init: this.init });
  }

  get replicaId(): number {
    return this.replica.id;
  }

  get memory(): MemoryUse {
    return this.replica.memory;
  }

  get providers(): readonly string[] {
    return this.readiness?.providers ?? [];
  }

  get takesBatches(): boolean {
    return this.readiness?.callBatch === true;
  }

  get freeSlots(): number {
    return this.readiness !== undefined && this.accepting ? this.slots.free : 0;
  }

  get takesAhead(): boolean {
    const { readiness, slots } = this;
    return readiness !== undefined && this.accepting && slots.takesAhead && !readiness.callBatch;
  }

  get usualRunMs(): number | undefined {
    return this.slots.usualRunMs;
  }

  /** Calls that it has now. */
  get running(): number {
    return this.held.count;
  }

  /** Whether a call that somebody waits for has begun here and is not answered. */
  get busy(): boolean {
    return this.held.busy;
  }

  /** Whether it has a streamed call that somebody waits for. */
  get streaming(): boolean {
    return this.held.streaming;
  }

  holders(): Iterable<Call> {
    return this.held.inSlots();
  }

  dispatch(call: Call): void {
    this.send(call, this.slots.take(call), false);
  }

  dispatchBatch(calls: readonly Call[]): void {
    this.slots.takeForBatch(calls);
    calls.forEach((call, index) => {
      this.send(call, false, index < calls.length - 1);
    });
  }

  /** Tells the Handler that nobody waits for the call any more. The slot stays taken until the Handler answers. */
  cancel(call: Call): void {
    this.connection.send({ type: 'CANCEL', id: call.wireId });
  }

  recall(): void {
    const { ahead } = this.slots;
    if (ahead !== undefined) this.connection.send({ type: 'RECALL', id: ahead.wireId });
  }

  get aheadAge(): number {
    return this.slots.ahead?.age ?? 0;
  }

  callAbandoned(): void {
    this.replica.callEnded();
  }

  condemnFor(call: Call, graceMs: number): void {
    this.replica.condemn({ kind: 'deadline', requestId: call.invocation.requestId }, graceMs);
  }

  /** Sends no new calls, and asks for the call ahead to come back. */
  close(): void {
    this.accepting = false;
    this.recall();
  }

  /** Sends no new calls; the worker finishes what it has, closes the Handler and ends its stream. */
  drain(): void {
    this.close();
    this.connection.send({ type: 'DRAIN' });
  }

  /** To be called when the worker is gone: fails every call that it may have begun. Returns the call that it certainly had not. */
  failAll(error: DcfError): Call | undefined {
    const ahead = this.over ? this.slots.ahead : undefined;
    this.accepting = false;
    this.connection.destroy();
    this.held.endAll(error, ahead);
    return ahead;
  }

  private send(call: Call, announce: boolean, more: boolean): void {
    const { requestId, metadata, query, contentType, input, onChunks } = call.invocation;
    const { stream, remainingMs } = call;
    call.assign(this, this.held.add(call), announce);
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
        this.replica.workerReady(this);
        return;
      case 'INIT_FAILED':
        this.replica.initFailed(message.message, message.stack);
        return;
      case 'RETIRE':
        this.replica.workerRetires(message.why);
        return;
      default:
        throw new DcfError('INTERNAL', `the worker sent ${message.type}, which only the daemon may send`);
    }
  }

  private log(level: LogLine['level'], time: number, text: string, callId: string): void {
    this.replica.log({ time, level, text, callId, worker: this.init.worker });
  }
}
