import { FrameError } from './frame.js';

/** What an output is: bytes of which nobody knows more, text in UTF-8, or a JSON value. */
export type ReplyKind = 'bytes' | 'text' | 'json';

/** What a Handler chose for those who read its answer over HTTP. */
export interface ReplyHead {
  /** 200 to 599. */
  status: number;
  /** Names in lower case; one may come several times. */
  headers: readonly (readonly [name: string, value: string])[];
}

const kinds: readonly ReplyKind[] = ['bytes', 'text', 'json', 'bytes'];

/** Characters of all names and values together; many clients take no more in an answer. */
const maxHeadersLength = 16 * 1024;
const headerName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What no header's value may hold: line breaks would begin a header of their own. */
const badValue = /[^\t\x20-\x7e\x80-\xff]/;

/** The flags that tell a kind. */
export function flagsOfKind(kind: ReplyKind | undefined): number {
  return kind === 'text' ? 1 : kind === 'json' ? 2 : 0;
}

/** The kind that flags tell. */
export function kindOfFlags(flags: number): ReplyKind {
  return kinds[flags & 3] ?? 'bytes';
}

/** Why a head may not be sent, for people; `undefined` when it may. */
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

/** Reads the head in a frame's header. Throws a FrameError when there is none, or one that may not be sent. */
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
  throw new FrameError('REPLY_HEAD: a header is a list of its name and its value');
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
