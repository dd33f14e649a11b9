import type { NestedCallOptions } from '@dcf/sdk';
import { readTimeout } from '@dcf/sdk/timeout';
import { DcfError, messageOf } from '../../../core/errors.js';
import type { Message } from '../../../wire/messages.js';

/** How a nested call ended. */
type Answer = Extract<Message, { type: 'RESULT' | 'ERROR' }> | { type: 'GIVEN_UP'; cause: unknown };

export interface NestedCallsOptions {
  /** The function whose Handler makes the calls. */
  function: string;
  /** Most bytes of one input. */
  maxPayload: number;
  send: (message: Message) => void;
}

/** The longest timeout in milliseconds that a NESTED_CALL message can hold: 32 bits. */
const maxTimeoutMs = 0xffffffff;

/** The nested calls that the Handler of this worker makes. */
export class NestedCalls {
  /** By number; a number is used again once its call is answered. An array and not a Map, for the reason that LinkedList gives. */
  private readonly waiting: (((answer: Answer) => void) | undefined)[] = [];
  private readonly freeIds: number[] = [];
  private readonly errors = new WeakSet<DcfError>();

  constructor(private readonly options: NestedCallsOptions) {}

  /**
   * Calls a function, as `CallFunction` of the SDK says.
   *
   * @param parent - the number of the call that this call is made for; 0 for none
   */
  async call(parent: number, name: string, input: Uint8Array | string, options: NestedCallOptions = {}): Promise<Uint8Array> {
    const answer = await this.ask(parent, name, input, options);
    if (answer.type === 'RESULT') return answer.body;
    // The error is made here, after the wait, so that its stack has the Handler's own lines.
    const error = errorOf(name, answer);
    this.errors.add(error);
    throw error;
  }

  /** Whether `error` is the failure of a nested call. */
  hasThrown(error: unknown): boolean {
    return error instanceof DcfError && this.errors.has(error);
  }

  /** Receives an answer from the daemon. @throws Error if no call with its number waits */
  answered(answer: Extract<Message, { type: 'RESULT' | 'ERROR' }>): void {
    const settle = this.waiting[answer.id];
    if (settle === undefined) throw new Error(`the daemon answered the nested call ${answer.id}, which was not made`);
    this.waiting[answer.id] = undefined;
    this.freeIds.push(answer.id);
    settle(answer);
  }

  /** Ends every nested call: the daemon is gone, and no answer will come. */
  giveUp(): void {
    for (const settle of this.waiting) settle?.({ type: 'GIVEN_UP', cause: new Error('the daemon is gone') });
  }

  private ask(parent: number, name: string, input: Uint8Array | string, options: NestedCallOptions): Promise<Answer> {
    const { alias, signal } = options;
    checkText('name of the function', name);
    if (alias !== undefined) checkText('alias', alias);
    const timeoutMs = Math.min(Math.ceil(readTimeout(options.timeout, 0)), maxTimeoutMs);
    const metadata = readMetadata(options.metadata);
    const body = this.readInput(name, input);
    if (parent === 0) throw noParent();
    return new Promise((settle) => {
      if (signal?.aborted === true) {
        settle({ type: 'GIVEN_UP', cause: signal.reason });
        return;
      }
      const id = this.freeIds.pop() ?? Math.max(1, this.waiting.length);
      this.send({ type: 'NESTED_CALL', id, timeoutMs, function: name, alias, parent, metadata, body });
      this.waiting[id] = signal === undefined ? settle : this.abortable(id, signal, settle);
    });
  }

  private send(message: Extract<Message, { type: 'NESTED_CALL' }>): void {
    try {
      this.options.send(message);
    } catch (cause) {
      this.freeIds.push(message.id);
      throw new DcfError('INVALID_ARGUMENT', `the name, alias and metadata of a nested call are too long: ${messageOf(cause)}`, { cause });
    }
  }

  private abortable(id: number, signal: AbortSignal, settle: (answer: Answer) => void): (answer: Answer) => void {
    const onAbort = (): void => {
      this.options.send({ type: 'CANCEL', id });
      settle({ type: 'GIVEN_UP', cause: signal.reason });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    return (answer) => {
      signal.removeEventListener('abort', onAbort);
      settle(answer);
    };
  }

  private readInput(name: string, input: unknown): Uint8Array {
    const body = typeof input === 'string' ? Buffer.from(input) : input;
    if (!(body instanceof Uint8Array)) throw new DcfError('INVALID_ARGUMENT', `the input for ${name} must be a Uint8Array or a string`);
    const { function: own, maxPayload } = this.options;
    if (body.length <= maxPayload) return body;
    throw new DcfError('RESOURCE_EXHAUSTED', `the input for ${name} has ${body.length} bytes; limits.payload of ${own} is ${maxPayload}`);
  }
}

function errorOf(name: string, answer: Exclude<Answer, { type: 'RESULT' }>): DcfError {
  if (answer.type === 'ERROR') return new DcfError(answer.code, answer.message, { reason: answer.reason });
  return new DcfError('CANCELLED', `${name}: the call was given up`, { cause: answer.cause });
}

/** Throws a DcfError INVALID_ARGUMENT if `value` is not a string: it would break the protocol, and so end the replica. */
function checkText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new DcfError('INVALID_ARGUMENT', `the ${what} to call must be a string`);
}

function noParent(): DcfError {
  const where = 'not in the constructor, init, close or a timer that outlives its call';
  return new DcfError('FAILED_PRECONDITION', `a function is called for one request, ${where}; in callBatch, request.call says for which`);
}

/** @throws DcfError INVALID_ARGUMENT when a value is not a string */
function readMetadata(given: NestedCallOptions['metadata']): Record<string, string> | undefined {
  if (given === undefined) return undefined;
  const entries = Object.entries(given);
  const odd = entries.find(([, value]) => typeof value !== 'string');
  if (odd !== undefined) throw new DcfError('INVALID_ARGUMENT', `the metadata ${JSON.stringify(odd[0])} must be a string`);
  return Object.fromEntries(entries.map(([key, value]) => [key.toLowerCase(), value]));
}
