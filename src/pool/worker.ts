import { DcfError } from '../core/errors.js';
import { BodyPool } from '../wire/body-pool.js';
import type { ConnectionOptions } from '../wire/connection.js';
import { Connection } from '../wire/connection.js';
import type { InitHeader, Message, ReadyHeader } from '../wire/messages.js';
import type { Call } from './call.js';
import type { KillReason } from './end-reason.js';
import type { LogLine } from './log-line.js';

/** What a worker tells the replica that it belongs to. */
export interface WorkerEvents {
  ready: (worker: Worker) => void;
  initFailed: (message: string, stack: string) => void;
  /** The call that a worker holds ran on past its deadline. */
  kill: (reason: KillReason) => void;
  /** A slot has become free. */
  freed: (worker: Worker) => void;
  log: (line: LogLine) => void;
  /** The stream is over: in order (`undefined`), or with what broke it. */
  closed: (error: Error | undefined) => void;
}

/** Of the outputs of all calls. */
const outputs = new BodyPool();
const releaseOutput = (output: Uint8Array): void => outputs.release(output);

/** So that the gateway can write its envelope around a reply without a copy. */
const headroom = 16;

/** An id is a 32-bit number; 0 means none. */
const maxWireId = 0xffffffff;

/** The call in a slot, and the id that was given there last: one that has the same remainder for every call of the slot. */
interface Slot {
  call: Call | undefined;
  lastId: number;
}

/** The daemon's side of one worker: its stream, its slots and the calls that it holds. */
export class Worker {
  readonly index: number;
  /** Set once the Handler is built. */
  readiness: ReadyHeader | undefined;
  calls = 0;
  private readonly connection: Connection;
  /** An array and no Map, for the reason that LinkedList gives. */
  private readonly slots: readonly Slot[];
  private readonly free: Slot[];
  private accepting = true;

  constructor(
    open: ConnectionOptions['open'],
    private readonly init: InitHeader,
    private readonly events: WorkerEvents,
  ) {
    this.index = init.worker;
    this.slots = Array.from({ length: init.concurrency }, (_, index) => ({ call: undefined, lastId: index + 1 }));
    this.free = [...this.slots];
    this.connection = new Connection({
      open,
      headroom,
      allocate: (length) => outputs.allocate(length),
      maxBodyLength: init.maxPayload,
      pauseWhenCongested: false,
      onMessage: (message) => this.receive(message),
      onClose: (error) => events.closed(error),
    });
    this.connection.send({ type: 'INIT', init });
  }

  get freeSlots(): number {
    return this.readiness !== undefined && this.accepting ? this.free.length : 0;
  }

  get running(): number {
    return this.slots.length - this.free.length;
  }

  /** Sends a call to the Handler. The caller has seen that a slot is free. */
  dispatch(call: Call): void {
    const slot = this.free.pop();
    if (slot === undefined) throw new DcfError('INTERNAL', 'a worker got more calls than it has slots');
    const id = slot.lastId + this.slots.length;
    slot.lastId = id > maxWireId ? ((id - 1) % this.slots.length) + 1 : id;
    slot.call = call;
    call.wireId = slot.lastId;
    call.holder = this;
    this.calls += 1;
    const { requestId, metadata, input } = call.invocation;
    this.connection.send({ type: 'CALL', id: call.wireId, timeoutMs: call.remainingMs, requestId, metadata, body: input });
  }

  /** Tells the Handler that nobody waits any more. The slot stays taken until it answers. */
  cancel(call: Call): void {
    this.connection.send({ type: 'CANCEL', id: call.wireId });
  }

  /** The call ran on past its deadline: the replica that it runs in is ended. */
  abandon(call: Call): void {
    this.events.kill({ kind: 'deadline', requestId: call.invocation.requestId });
  }

  /** Nothing new is sent; the worker finishes what it runs, closes the Handler and ends its stream. */
  drain(): void {
    this.accepting = false;
    this.connection.send({ type: 'DRAIN' });
  }

  /** Fails every call that the worker holds, because the worker is gone. */
  failAll(error: DcfError): void {
    this.accepting = false;
    this.connection.destroy();
    for (const slot of this.slots) {
      const { call } = slot;
      if (call !== undefined) this.empty(slot, call).fail(error);
    }
  }

  private receive(message: Message): void {
    switch (message.type) {
      case 'RESULT':
        this.release(message.id).succeed({ ok: true, output: message.body, headroom, release: releaseOutput });
        this.events.freed(this);
        return;
      case 'ERROR': {
        const call = this.release(message.id);
        const { code, stack } = message;
        if (stack !== '' && (code === 'UNKNOWN' || code === 'INTERNAL')) this.log('error', Date.now(), stack, call.invocation.requestId);
        call.fail(new DcfError(code, message.message));
        this.events.freed(this);
        return;
      }
      case 'LOG':
        this.log(message.level, message.time, message.text, this.slotOf(message.id)?.call?.invocation.requestId ?? '');
        return;
      case 'READY':
        this.readiness = message.ready;
        this.events.ready(this);
        return;
      case 'INIT_FAILED':
        this.events.initFailed(message.message, message.stack);
        return;
      default:
        throw new DcfError('INTERNAL', `a worker sends no ${message.type}`);
    }
  }

  private release(id: number): Call {
    const slot = this.slotOf(id);
    if (slot?.call === undefined) throw new DcfError('INTERNAL', `an answer came for call ${id}, which the worker does not hold`);
    return this.empty(slot, slot.call);
  }

  /** The slot that holds the call with this id; of a call that has ended there is none. */
  private slotOf(id: number): Slot | undefined {
    const slot = this.slots[(id - 1) % this.slots.length];
    return slot?.call?.wireId === id ? slot : undefined;
  }

  private empty(slot: Slot, call: Call): Call {
    slot.call = undefined;
    this.free.push(slot);
    call.holder = undefined;
    call.cancelTimer?.();
    return call;
  }

  private log(level: LogLine['level'], time: number, text: string, callId: string): void {
    this.events.log({ time, level, text, callId, worker: this.init.worker });
  }
}
