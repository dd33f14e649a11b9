import { DcfError } from '../../core/errors.js';
import { BodyPool } from '../../wire/body-pool.js';
import type { Message } from '../../wire/messages.js';
import type { Call } from '../calls/call.js';
import type { CallStream } from '../calls/call-stream.js';
import { CallTable } from './call-table.js';
import type { WorkerSlots } from './worker-slots.js';

/** A worker's message about a call that it has. */
export type CallMessage = Extract<
  Message,
  { type: 'RESULT' | 'ERROR' | 'REPLY_HEAD' | 'DATA' | 'END' | 'CREDIT' | 'STARTED' | 'RETURNED' }
>;

export interface InFlightCallsEvents {
  /** A call was answered, or has begun: there may be room for another. */
  freed: () => void;
  /** A call that was sent ahead comes back; no Handler has begun it. */
  returned: (call: Call) => void;
  /** A Handler has begun a call that was sent ahead. */
  started: (call: Call) => void;
  /** A worker sent a first chunk for a call: it is a stream now, and nobody knows for how long it goes on. */
  becameStream: () => void;
  send: (message: Message) => void;
  /** The Handler has thrown an error that was not meant for the caller. */
  threw: (stack: string, call: Call) => void;
}

/** Free bytes in front of each output: the gateway writes its envelope there, without a copy. */
export const outputHeadroom = 16;

/** Memory for the outputs of all workers' calls. */
const outputs = new BodyPool();
const releaseOutput = (output: Uint8Array): void => outputs.release(output);

/** The result of a stream: its output has come in chunks before. */
const noOutput = { ok: true, output: new Uint8Array(0), kind: 'bytes', headroom: 0, release: () => undefined } as const;

/** The calls that a worker has, until they end. */
export class InFlightCalls {
  private readonly table: CallTable;

  /** @param most - the most calls at one time */
  constructor(
    most: number,
    private readonly slots: WorkerSlots,
    private readonly events: InFlightCallsEvents,
  ) {
    this.table = new CallTable(most);
  }

  get count(): number {
    return this.table.size;
  }

  /** Whether a call that somebody waits for has begun and is not answered. */
  get busy(): boolean {
    return this.table.all().some((call) => call !== this.slots.ahead && !call.settled);
  }

  /** Whether there is a stream that somebody waits for. */
  get streaming(): boolean {
    return this.slots.hasStreams && this.table.all().some((call) => call.stream !== undefined && !call.settled);
  }

  /** Calls that hold the slots: those that have begun, and the call ahead when it is about to begin. */
  *inSlots(): Iterable<Call> {
    const { ahead, aheadBegins } = this.slots;
    for (const call of this.table.all()) if (aheadBegins || call !== ahead) yield call;
  }

  /** The call with this number, if a Handler has begun it and not answered. */
  begun(id: number): Call | undefined {
    const call = this.table.find(id);
    return call === this.slots.ahead ? undefined : call;
  }

  /** The request id of the call with this number; of a call that has ended, too, until its place is used again. */
  requestIdOf(id: number): string {
    return this.table.requestIdOf(id);
  }

  /** Memory for an output of `bytes` bytes. */
  allocate(bytes: number): Buffer {
    return outputs.allocate(bytes);
  }

  /** Takes a call in, and returns its number. Throws a DcfError INTERNAL when there is no room. */
  add(call: Call): number {
    return this.table.put(call);
  }

  /** Cancels the nested call with this number: its Handler does not wait for it any more. */
  cancelNested(id: number): void {
    for (const call of this.table.all()) call.nested?.cancel(id);
  }

  /** Handles a message about a call. Throws a DcfError INTERNAL, or a FrameError, when the message breaks the protocol. */
  receive(message: CallMessage): void {
    switch (message.type) {
      case 'RESULT':
        this.succeed(message);
        break;
      case 'REPLY_HEAD':
        this.setHead(message);
        return;
      case 'DATA': {
        const { body: output, kind = 'bytes' } = message;
        this.streamOf(message)?.receive({ output, kind, headroom: outputHeadroom, release: releaseOutput });
        return;
      }
      case 'CREDIT':
        this.streamOf(message)?.grant(message.bytes);
        return;
      case 'END':
        if (!this.endStream(message.id)) return;
        break;
      case 'ERROR':
        this.fail(message);
        break;
      case 'STARTED':
        this.events.started(this.slots.begin(message.id));
        break;
      case 'RETURNED':
        this.events.returned(this.take(message.id));
        break;
      default:
        message satisfies never;
    }
    this.events.freed();
  }

  /** Ends every call with this error, except `spared`, which is only released from the worker. */
  endAll(error: DcfError, spared: Call | undefined): void {
    for (const call of this.table.takeAll()) {
      this.letGo(call);
      if (call !== spared) call.end({ ok: false, error });
    }
  }

  private succeed({ id, kind = 'bytes', body: output }: Extract<Message, { type: 'RESULT' }>): void {
    const call = this.take(id);
    const success = { ok: true, output, kind, head: call.head, headroom: outputHeadroom, release: releaseOutput } as const;
    if (call.stream === undefined) {
      this.slots.measure(call);
      call.settle(success);
    } else {
      call.stream.receive(success);
      call.end({ ...noOutput, head: call.head });
    }
  }

  /** Notes the head of an answer. A head that crossed the end of its call is dropped. */
  private setHead({ id, head }: Extract<Message, { type: 'REPLY_HEAD' }>): void {
    const call = this.table.find(id);
    if (call === undefined) return;
    call.chooseHead(head);
  }

  /** Ends a streamed call. Returns false when the message crossed the end of its call. */
  private endStream(id: number): boolean {
    const call = this.table.find(id);
    if (call === undefined) return false;
    if (call.stream === undefined && call.invocation.onChunks === undefined) throw notStreamed('END', id);
    this.take(id).end({ ...noOutput, head: call.head });
    return true;
  }

  private fail({ id, code, message, stack, reason }: Extract<Message, { type: 'ERROR' }>): void {
    const call = this.take(id);
    if (stack !== '' && (code === 'UNKNOWN' || code === 'INTERNAL')) this.events.threw(stack, call);
    call.end({ ok: false, error: new DcfError(code, message, { reason }) });
  }

  /** The stream that a message belongs to; `undefined` when the message crossed the end of its call. */
  private streamOf({ type, id }: CallMessage): CallStream | undefined {
    const call = this.table.find(id);
    if (call === undefined || call.stream !== undefined) return call?.stream;
    if (call.invocation.onChunks === undefined) throw notStreamed(type, id);
    return call.settled ? undefined : this.beginStream(call);
  }

  private beginStream(call: Call): CallStream {
    this.slots.becameStream();
    const stream = call.becomeStream(this.events.send);
    if (call.head !== undefined) stream.head(call.head);
    this.events.becameStream();
    return stream;
  }

  private take(id: number): Call {
    const call = this.table.take(id);
    this.letGo(call);
    return call;
  }

  private letGo(call: Call): void {
    this.slots.giveBack(call);
    call.release();
  }
}

function notStreamed(type: string, id: number): DcfError {
  return new DcfError('INTERNAL', `the worker sent ${type} for call ${id}, which is not a stream`);
}
