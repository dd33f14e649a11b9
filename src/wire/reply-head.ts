import { FrameError } from './frame.js';

/** The kind of an output: any bytes, text in UTF-8, or a JSON value. */
export type ReplyKind = 'bytes' | 'text' | 'json';

/** Status and headers that a Handler chose for its answer over HTTP. */
export interface ReplyHead {
  /** The HTTP status, 200 to 599. */
  status: number;
  /** Names are in lower case; a name may come several times. */
  headers: readonly (readonly [name: string, value: string])[];
}

const kinds: readonly ReplyKind[] = ['bytes', 'text', 'json', 'bytes'];

/** The most characters of all names and values together; many clients take no more in an answer. */
const maxHeadersLength = 16 * 1024;
const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Characters that a header's value must not have: a line break would begin another header. */
const badValue = /[^\t\x20-\x7e\x80-\xff]/;

/** The flags of a frame for a kind of output. */
export function flagsOfKind(kind: ReplyKind | undefined): number {
  return kind === 'text' ? 1 : kind === 'json' ? 2 : 0;
}

/** The kind of output that a frame's flags say. */
export function kindOfFlags(flags: number): ReplyKind {
  return kinds[flags & 3] ?? 'bytes';
}

/** Why a head cannot be sent, for people; `undefined` when it can. */
export function headProblem({ status, headers }: ReplyHead): string | undefined {
  if (!Number.isInteger(status) || status < 200 || status > 599) return `the status ${status}; allowed are 200 to 599`;
  let length = 0;
  for (const [name, value] of headers) {
    if (!headerName.test(name)) return `the header name ${shown(name)}; allowed are letters, digits and !#$%&'*+-.^_\`|~`;
    if (badValue.test(value))
      return `${shown(value)} for the header ${name}; line breaks, control characters and what is not Latin-1 are not allowed`;
    length += name.length + value.length;
  }
  return length > maxHeadersLength ? `headers of ${length} characters; ${maxHeadersLength} are allowed` : undefined;
}

/** Reads the head of an answer from a frame's header. Throws a FrameError when there is none, or when it cannot be sent. */
export function readReplyHead(header: Readonly<Record<string, unknown>>): ReplyHead {
  const { status, headers } = header;
  if (typeof status !== 'number' || !Array.isArray(headers)) throw new FrameError('REPLY_HEAD: a status and a list of headers are needed');
  const head = { status, headers: headers.map((entry: unknown) => pair(entry)) };
  const problem = headProblem(head);
  if (problem !== undefined) throw new FrameError(`REPLY_HEAD: ${problem}`);
  return head;
}

function pair(entry: unknown): readonly [string, string] {
  if (Array.isArray(entry) && entry.length === 2) {
    const [name, value]: unknown[] = entry;
    if (typeof name === 'string' && typeof value === 'string') return [name, value];
  }
  throw new FrameError('REPLY_HEAD: each header must be a list of its name and its value');
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
