/** RFC 9110, section 5.1, without capitals (RFC 9113, section 8.2.1), and with the colon of the pseudo-header fields. */
const validName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9110, section 5.5: of the control characters, values may have the tab alone. */
const validValue = /^[\t\x20-\x7e\x80-\xff]*$/;
const spaceAround = /^[\t ]|[\t ]$/;
const capital = /[A-Z]/;

/** Names that were found to be valid, so that they are looked at once: at most so many, of at most so many characters. */
const validNames = new Set<string>();
const mostNames = 1024;
const longestName = 64;

/**
 * What is wrong with a field by RFC 9113, section 8.2.1, in words; undefined for a good one. A request with such a field is malformed: its stream is reset
 * (PROTOCOL_ERROR). Values are not quoted, as they may be secrets. Which pseudo-header fields there may be, and how often, is not looked at.
 *
 * Memory: 1024 names of up to 64 characters, for all connections.
 */
export function fieldProblem(name: string, value: string): string | undefined {
  if (!validNames.has(name)) {
    if (!validName.test(name)) return nameProblem(name);
    if (name.length <= longestName) remember(name);
  }
  if (!validValue.test(value)) return `the value of the field ${name} has a control character`;
  if (spaceAround.test(value)) return `the value of the field ${name} begins or ends with white space`;
  return undefined;
}

function remember(name: string): void {
  if (validNames.size === mostNames) validNames.clear();
  validNames.add(name);
}

function nameProblem(name: string): string {
  const shown = JSON.stringify(name.slice(0, longestName));
  if (name === '') return 'a field has no name';
  return capital.test(name)
    ? `the name of the field ${shown} has capitals`
    : `the name of the field ${shown} has characters that names may not have`;
}
