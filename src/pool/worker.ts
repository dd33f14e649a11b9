import { DcfError } from '../core/errors.js';
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

/** So that the gateway can write its envelope around a reply without a copy. */
const headroom = 16;

/** An id is a 32-bit number; 0 means none. */
const maxWireId = 0xffffffff;

/** The daemon's side of one worker: its stream, its slots and the calls that it holds. */
export class Worker {
  readonly index: number;
  /** Set once the Handler is built. */
  readiness: ReadyHeader | undefined;
  calls = 0;
  private readonly connection: Connection;
  private readonly held = new Map<number, Call>();
  private readonly slots: number;
  private lastId = 0;
  private accepting = true;

  constructor(
    open: ConnectionOptions['open'],
    private readonly init: InitHeader,
    private readonly events: WorkerEvents,
  ) {
    this.index = init.worker;
    this.slots = init.concurrency;
    this.connection = new Connection({
      open,
      headroom,
      maxBodyLength: init.maxPayload,
      pauseWhenCongested: false,
      onMessage: (message) => this.receive(message),
      onClose: (error) => events.closed(error),
    });
    this.connection.send({ type: 'INIT', init });
  }

  get freeSlots(): number {
    return this.readiness !== undefined && this.accepting ? this.slots - this.held.size : 0;
  }

  get running(): number {
    return this.held.size;
  }

  /** Sends a call to the Handler. The caller has seen that a slot is free. */
  dispatch(call: Call): void {
    do this.lastId = this.lastId === maxWireId ? 1 : this.lastId + 1;
    while (this.held.has(this.lastId));
    const id = this.lastId;
    call.wireId = id;
    call.holder = this;
    this.held.set(id, call);
    this.calls += 1;
    const { requestId, metadata, input } = call.invocation;
    this.connection.send({ type: 'CALL', id, timeoutMs: call.remainingMs, requestId, metadata, body: input });
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
    const calls = [...this.held.values()];
    this.held.clear();
    this.accepting = false;
    this.connection.destroy();
    for (const call of calls) {
      call.holder = undefined;
      call.cancelTimer?.();
      call.fail(error);
    }
  }

  private receive(message: Message): void {
    switch (message.type) {
      case 'RESULT':
        this.release(message.id).succeed(message.body, headroom);
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
        this.log(message.level, message.time, message.text, this.held.get(message.id)?.invocation.requestId ?? '');
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
    const call = this.held.get(id);
    if (call === undefined) throw new DcfError('INTERNAL', `an answer came for call ${id}, which the worker does not hold`);
    this.held.delete(id);
    call.holder = undefined;
    call.cancelTimer?.();
    return call;
  }

  private log(level: LogLine['level'], time: number, text: string, callId: string): void {
    this.events.log({ time, level, text, callId, worker: this.init.worker });
  }
}
