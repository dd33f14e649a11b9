import { cutText, DcfError } from '../../core/errors.js';
import type { Message } from '../../wire/messages.js';
import type { Call } from './call.js';
import type { Outcome } from './invocation.js';
import { type CallFunction, NestedCall } from './nested-call.js';

/** Characters of an error message. A frame's header holds 64 KiB, and an escaped character takes up to six bytes in JSON. */
const maxMessageLength = 8 * 1024;

/** Takes the calls of other functions that the Handler of one worker makes, and answers each. */
export class NestedCalls {
  constructor(
    private readonly callFunction: CallFunction,
    private readonly send: (message: Message) => void,
  ) {}

  /** @param parent - the call that it is made for, if the worker runs it */
  take(message: Extract<Message, { type: 'NESTED_CALL' }>, parent: Call | undefined): void {
    const { id, alias, timeoutMs, metadata, body } = message;
    if (parent === undefined || parent.settled) {
      this.answer(id, { ok: false, error: notWaitedFor(message.function, parent) });
      return;
    }
    const nested = new NestedCall(parent, id);
    parent.addNested(nested);
    this.callFunction({ nested, function: message.function, alias, input: body, timeoutMs, metadata }, (outcome) => {
      parent.nested?.remove(nested);
      this.answer(id, outcome);
    });
  }

  private answer(id: number, outcome: Outcome): void {
    if (outcome.ok) {
      // The output's memory is not released: the stream may still have to write it.
      this.send({ type: 'RESULT', id, kind: outcome.kind, body: outcome.output });
      return;
    }
    const { code, message, reason } = outcome.error;
    this.send({ type: 'ERROR', id, code, message: cutText(message, maxMessageLength), stack: '', reason });
  }
}

function notWaitedFor(name: string, parent: Call | undefined): DcfError {
  const refused = `${name} was not called`;
  if (parent?.expired === true) return new DcfError('DEADLINE_EXCEEDED', `${refused}: the deadline of the call that makes it has passed`);
  if (parent !== undefined) return new DcfError('CANCELLED', `${refused}: the caller of the call that makes it gave up`);
  return new DcfError('FAILED_PRECONDITION', `${refused}: the call that makes it has ended`);
}

/** Refuses every nested call: without a daemon there are no other functions. */
export const callsNeedDaemon: CallFunction = ({ function: name }, settle) => {
  const message = `${name} was not called: only a function in a daemon can call others; deploy both, and use dcf invoke`;
  settle({ ok: false, error: new DcfError('FAILED_PRECONDITION', message) });
};
