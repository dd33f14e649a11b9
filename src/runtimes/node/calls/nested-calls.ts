import type { NestedCallOptions } from '@dcf/sdk';
import { readTimeout } from '@dcf/sdk/timeout';
import { DcfError, messageOf } from '../../../core/errors.js';
import type { Message } from '../../../wire/messages.js';

/** How a call was answered. */
type Answer = Extract<Message, { type: 'RESULT' | 'ERROR' }> | { type: 'GIVEN_UP'; cause: unknown };

export interface NestedCallsOptions {
  /** The function that runs here. */
  function: string;
  /** Bytes of one input. */
  maxPayload: number;
  send: (message: Message) => void;
}

const maxTimeoutMs = 0xffffffff;

/** The calls of other functions that the Handler of this worker makes. */
export class NestedCalls {
  /** By number; a number is used again when its call is answered. An array and no Map, for the reason that LinkedList gives. */
  private readonly waiting: (((answer: Answer) => void) | undefined)[] = [];
  private readonly freeIds: number[] = [];
  private readonly errors = new WeakSet<DcfError>();

  constructor(private readonly options: NestedCallsOptions) {}

  /**
   * Calls a function.
   *
   * @param parent - the number of the call that it is made for; 0 for none
   */
  async call(parent: number, name: string, input: Uint8Array | string, options: NestedCallOptions = {}): Promise<Uint8Array> {
    const answer = await this.ask(parent, name, input, options);
    if (answer.type === 'RESULT') return answer.body;
    // Made here, after the wait, it has the Handler's own lines in its stack.
    const error = errorOf(name, answer);
    this.errors.add(error);
    throw error;
  }

  /** Whether this is how a call of another function has failed. */
  hasThrown(error: unknown): boolean {
    return error instanceof DcfError && this.errors.has(error);
  }

  /** Takes what the daemon answers. Throws an Error when there is no such call. */
  answered(answer: Extract<Message, { type: 'RESULT' | 'ERROR' }>): void {
    const settle = this.waiting[answer.id];
    if (settle === undefined) throw new Error(`an answer came for call ${answer.id} of another function, which was not made`);
    this.waiting[answer.id] = undefined;
    this.freeIds.push(answer.id);
    settle(answer);
  }

  /** No answer will come any more. */
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
      throw new DcfError('INVALID_ARGUMENT', `the name, the alias and the metadata of a call are too long: ${messageOf(cause)}`, { cause });
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
    if (!(body instanceof Uint8Array)) throw new DcfError('INVALID_ARGUMENT', `the input for ${name} is neither bytes nor text`);
    const { function: own, maxPayload } = this.options;
    if (body.length <= maxPayload) return body;
    throw new DcfError('RESOURCE_EXHAUSTED', `the input for ${name} has ${body.length} bytes; limits.payload of ${own} is ${maxPayload}`);
  }
}

function errorOf(name: string, answer: Exclude<Answer, { type: 'RESULT' }>): DcfError {
  if (answer.type === 'ERROR') return new DcfError(answer.code, answer.message, { reason: answer.reason });
  return new DcfError('CANCELLED', `${name}: the call was given up`, { cause: answer.cause });
}

/** What is no text would break the protocol, and so end the replica. */
function checkText(what: string, value: unknown): void {
  if (typeof value !== 'string') throw new DcfError('INVALID_ARGUMENT', `the ${what} to call is no text`);
}

function noParent(): DcfError {
  const where = 'not in the constructor, init, close or a timer that outlives its call';
  return new DcfError('FAILED_PRECONDITION', `a function is called for one request, ${where}; in callBatch, request.call says for which`);
}

/** @throws DcfError INVALID_ARGUMENT when a value is no text */
function readMetadata(given: NestedCallOptions['metadata']): Record<string, string> | undefined {
  if (given === undefined) return undefined;
  const entries = Object.entries(given);
  const odd = entries.find(([, value]) => typeof value !== 'string');
  if (odd !== undefined) throw new DcfError('INVALID_ARGUMENT', `the metadata ${JSON.stringify(odd[0])} is no text`);
  return Object.fromEntries(entries.map(([key, value]) => [key.toLowerCase(), value]));
}
