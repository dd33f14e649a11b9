/** The fields of RFC 7541, appendix A, in the order of their indexes, which begin at 1: a name and a value each. */
const fields: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** The greatest index of the static table. The newest field of the dynamic table has the next one. */
export const lastStaticIndex = fields.length;

/** The names by their index; there is none at 0. */
export const staticNames: readonly (string | undefined)[] = [undefined, ...fields.map(([name]) => name)];
/** The values by their index; there is none at 0. */
export const staticValues: readonly (string | undefined)[] = [undefined, ...fields.map(([, value]) => value)];

/** Where a name is found in the static table. */
export interface StaticName {
  /** The least index with this name. */
  readonly index: number;
  /** The indexes of the fields with this name that have a value, by that value. */
  readonly values: ReadonlyMap<string, number>;
}

function namesToFields(): ReadonlyMap<string, StaticName> {
  const found = new Map<string, { index: number; values: Map<string, number> }>();
  for (const [place, [name, value]] of fields.entries()) {
    const entry = found.get(name) ?? { index: place + 1, values: new Map<string, number>() };
    found.set(name, entry);
    if (value !== '') entry.values.set(value, place + 1);
  }
  return found;
}

/** The static table as an encoder looks things up in it: by name. */
export const staticFields = namesToFields();
