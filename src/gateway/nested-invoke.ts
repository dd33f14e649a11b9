import { DcfError } from '../core/errors.js';
import type { Outcome } from '../pool/calls/invocation.js';
import { type CallFunction, chainOf } from '../pool/calls/nested-call.js';
import type { Invoker } from './invoker.js';

/** Calls one within another. A chain as long as this has lost its way. */
const maxDepth = 16;

/**
 * Hands the calls that Handlers make to the functions that they name. Each is a call like any other, but for what it has of the
 * call that it is made for: its id, its metadata, and what is left of its deadline.
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
    `calls within calls go ${maxDepth} deep at most, and this would be one more: ${chain.join(' → ')}`,
  );
}

/** An error tells which function failed: along a chain, each. */
function named(name: string, outcome: Outcome): Outcome {
  if (outcome.ok) return outcome;
  const { code, message, reason, retryAfterMs } = outcome.error;
  const prefix = `${name}: `;
  if (message.startsWith(prefix)) return outcome;
  return { ok: false, error: new DcfError(code, prefix + message, { reason, retryAfterMs }) };
}
