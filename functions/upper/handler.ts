import type { Request } from '@dcf/sdk';

/** Answers each chunk of text in capital letters, as soon as it comes. */
export class Handler {
  async *call(request: Request): AsyncGenerator<string> {
    // A chunk may end in the middle of a character of several bytes.
    const decoder = new TextDecoder();
    for await (const chunk of request.chunks) yield decoder.decode(chunk, { stream: true }).toUpperCase();
    const cut = decoder.decode();
    if (cut !== '') yield cut;
  }
}
