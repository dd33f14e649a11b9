import { parseDuration, parseSize } from '@dcf/sdk/units';
import { z } from 'zod';
import { type ListenAddress, maxSocketPath, type TcpAddress } from '../gateway/listen-address.js';

/** JSON schema of a value in the settings file. */
type FileForm = Readonly<Record<string, unknown>>;

/** A kind of value: what is allowed, and how its text is parsed. */
export interface Kind<Value> {
  /** What is allowed, in words, for the end of an error message. */
  allowed: string;
  fileForm: FileForm;
  /** Returns `wrong` for a text that is not allowed. */
  parse: (text: string) => Value | typeof wrong;
}

/** A setting without its parser: the columns of the table of settings. */
export interface SettingRow {
  /** The word after the flag in the help; `undefined` for a switch. */
  placeholder: string | undefined;
  /** The default as text; empty: there is none. */
  fallback: string;
  help: string;
  allowed: string;
  fileForm: FileForm;
}

const wrong = Symbol('wrong');
const rows = z.registry<SettingRow>();

/**
 * Makes a setting: a zod schema that parses the text that a user wrote.
 *
 * @param placeholder - names the value in the help, such as `SIZE`; `undefined` for a switch
 * @param fallback - the default as text; empty: there is none
 */
export function setting<Value>(
  { allowed, fileForm, parse }: Kind<Value>,
  placeholder: string | undefined,
  fallback: string,
  help: string,
): z.ZodType<Value, string | undefined> {
  const texts = z.string().default(fallback);
  const schema = texts.transform((text, context): Value => {
    const value = parse(text);
    if (value !== wrong) return value;
    context.issues.push({ code: 'custom', input: text, message: allowed });
    return z.NEVER;
  });
  return schema.register(rows, { placeholder, fallback, help, allowed, fileForm });
}

/** The row of a setting that `setting` made. */
export function rowOf(schema: z.ZodType): SettingRow {
  const row = rows.get(schema);
  if (row === undefined) throw new Error('this schema was not made by setting()');
  return row;
}

const text: FileForm = { type: 'string' };
const list: FileForm = { anyOf: [text, { type: 'array', items: text }] };

function namesKind<const Name extends string>(...names: readonly Name[]): Kind<Name> {
  return { allowed: names.join(', '), fileForm: { enum: names }, parse: (given) => names.find((name) => name === given) ?? wrong };
}

function listKind(allowed: string, isEntry: (entry: string) => boolean): Kind<readonly string[]> {
  const parse = (given: string): readonly string[] | typeof wrong => {
    const entries = given.split(',').map((entry) => entry.trim().toLowerCase());
    const found = entries.filter((entry) => entry !== '');
    return found.every(isEntry) ? found : wrong;
  };
  return { allowed, fileForm: list, parse };
}

function parseTcp(given: string): TcpAddress | typeof wrong {
  const [, host, bracketed, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(given) ?? [];
  const name = host ?? bracketed;
  return name === undefined || port === undefined || Number(port) > 65_535 ? wrong : { kind: 'tcp', host: name, port: Number(port) };
}

/** The rest of an address after `unix:`; gRPC knows it with and without an empty authority (`unix:///run/dcf.sock`). */
function parseUnix(given: string): ListenAddress | typeof wrong {
  const [, path] = /^(?:\/\/(?=\/))?(\/[^/\s\p{Cc}][^\s\p{Cc}]*)$/u.exec(given) ?? [];
  return path === undefined || Buffer.byteLength(path) > maxSocketPath ? wrong : { kind: 'unix', path };
}

/** The longest gRPC message, in bytes. */
const maxMessage = 2 * 2 ** 30;

export const anyText: Kind<string> = { allowed: 'any text', fileForm: text, parse: (given) => given };
/** A text; an empty one counts as not given. */
export const optional: Kind<string | undefined> = { ...anyText, parse: (given) => (given === '' ? undefined : given) };
export const address: Kind<ListenAddress> = {
  allowed: `HOST:PORT, such as 127.0.0.1:32222, or unix:/PATH, such as unix:/run/dcf/dcf.sock, without blanks and with at most ${maxSocketPath} bytes in the path`,
  fileForm: text,
  parse: (given) => (given.startsWith('unix:') ? parseUnix(given.slice('unix:'.length)) : parseTcp(given)),
};
export const addressOrOff: Kind<TcpAddress | undefined> = {
  allowed: 'HOST:PORT, such as 127.0.0.1:32223, or off',
  fileForm: text,
  parse: (given) => (given === 'off' ? undefined : given.startsWith('unix:') ? wrong : parseTcp(given)),
};
export const count: Kind<number> = {
  allowed: 'a whole number above 0',
  fileForm: { type: 'integer', minimum: 1, maximum: 999_999_999 },
  parse: (given) => (/^\d{1,9}$/.test(given) && Number(given) > 0 ? Number(given) : wrong),
};
/** Durations in milliseconds. */
export const duration: Kind<number> = {
  allowed: 'a duration with its unit, such as 500ms, 30s or 5m',
  fileForm: text,
  parse: (given) => parseDuration(given) ?? wrong,
};
/** Sizes in bytes. */
export const size: Kind<number> = {
  allowed: 'a size with its unit, such as 64MiB',
  fileForm: text,
  parse: (given) => parseSize(given) ?? wrong,
};
export const payloadSize: Kind<number> = {
  allowed: 'a size with its unit, such as 64MiB, of at most 2GiB',
  fileForm: text,
  parse: (given) => {
    const found = parseSize(given);
    return found !== undefined && found <= maxMessage ? found : wrong;
  },
};
export const onOff: Kind<boolean> = {
  allowed: 'on or off',
  fileForm: { enum: ['on', 'off', true, false] },
  parse: (given) => (given === 'on' || given === 'true' ? true : given === 'off' || given === 'false' ? false : wrong),
};
export const trueOrFalse: Kind<boolean> = {
  allowed: 'true or false',
  fileForm: { type: 'boolean' },
  parse: (given) => (given === 'true' || given === '1' ? true : given === 'false' || given === '0' || given === '' ? false : wrong),
};
export const logLevels = namesKind('debug', 'info', 'warn', 'error');

export const hosts = listKind(
  'hosts without ports, such as example.com,*.example.org',
  (entry) => /^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/.test(entry) || /^[0-9a-f:]*:[0-9a-f:.]*$/.test(entry),
);
export const hostsWithPorts = listKind('HOST:PORT, such as models.internal:443,10.0.0.7:8443', (entry) =>
  /^(\[[0-9a-f:.]+\]|[^:/*]+):\d{1,5}$/.test(entry),
);
export const origins = listKind(
  '* for all, or origins as browsers send them, without a path, such as https://app.example.com,https://*.example.org',
  (entry) => entry === '*' || /^https?:\/\/(\*\.)?([a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:\d{1,5})?$/.test(entry),
);
