import type { Request } from '@dcf/sdk';

/** Answers each chunk of text, as it comes, in capital letters. */
export class Handler {
  async *call(request: Request): AsyncGenerator<string> {
    // A character of several bytes may be cut where a chunk ends.
    const decoder = new TextDecoder();
    for await (const chunk of request.chunks) yield decoder.decode(chunk, { stream: true }).toUpperCase();
    const cut = decoder.decode();
    if (cut !== '') yield cut;
  }
}
