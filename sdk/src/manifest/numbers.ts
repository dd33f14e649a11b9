/** A number as somebody wrote it; `0o17` and `0x1F` are whole numbers too. */
const wholePattern = /^[-+]?(\d+|0o[0-7]+|0x[0-9a-fA-F]+)$/;

/**
 * Why a number would not arrive as it was written, and what is allowed instead; `undefined` when it does. Identifiers look like
 * numbers, and lose digits, zeros or their sign when they are read as such.
 *
 * @param source - as it was written
 * @param value - what it was read as
 */
export function numberProblem(source: string, value: number): string | undefined {
  if (!Number.isFinite(value)) return 'a finite number, or a text in quotes';
  if (/^[-+]?0\d/.test(source)) {
    return `a number without zeros in front (${value}; some would read them as octal), or a text in quotes`;
  }
  if (/^\+\d+$/.test(source)) return `a number without a plus (${value}), or a text in quotes`;
  if (wholePattern.test(source) && !Number.isSafeInteger(value)) {
    return `whole numbers up to ${Number.MAX_SAFE_INTEGER}, for longer ones lose digits; or a text in quotes`;
  }
  return undefined;
}
