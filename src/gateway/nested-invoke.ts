import { DcfError } from '../core/errors.js';
import type { Outcome } from '../pool/calls/invocation.js';
import { type CallFunction, chainOf } from '../pool/calls/nested-call.js';
import type { Invoker } from './invoker.js';

/** Functions in a chain of nested calls. A longer chain is a recursion without an end. */
const maxDepth = 16;

/**
 * Passes the calls that Handlers make on to the invoker. Each is a call like any other, except that it inherits from its parent: the
 * id, the metadata, and what is left of the deadline.
 */
export function nestedInvoker(invoker: Invoker): CallFunction {
  return ({ nested, function: name, alias, input, timeoutMs, metadata }, settle) => {
    const { parent } = nested;
    const chain = chainOf(parent);
    if (chain.length >= maxDepth) {
      settle({ ok: false, error: tooDeep([...chain, name]) });
      return;
    }
    const { requestId, metadata: inherited } = parent.invocation;
    const left = parent.remainingMs;
    invoker.invoke(
      {
        function: name,
        requestId,
        selector: alias,
        metadata: metadata === undefined ? inherited : { ...inherited, ...metadata },
        input,
        timeoutMs: timeoutMs === 0 ? left : Math.min(timeoutMs, left),
        origin: nested,
      },
      (outcome) => settle(named(name, outcome)),
    );
  };
}

function tooDeep(chain: readonly string[]): DcfError {
  return new DcfError(
    'FAILED_PRECONDITION',
    `nested calls may go ${maxDepth} deep at most, and this one would go deeper: ${chain.join(' → ')}`,
  );
}

/** Puts the function's name before the message of an error, so that each function of a chain that failed is named. */
function named(name: string, outcome: Outcome): Outcome {
  if (outcome.ok) return outcome;
  const { code, message, reason, retryAfterMs } = outcome.error;
  const prefix = `${name}: `;
  if (message.startsWith(prefix)) return outcome;
  return { ok: false, error: new DcfError(code, prefix + message, { reason, retryAfterMs }) };
}
