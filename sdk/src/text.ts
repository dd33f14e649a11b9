import { isUtf8 } from 'node:buffer';

/**
 * The text of a file in UTF-8, without the byte order mark that some editors put in front.
 *
 * @throws Error for other encodings; its message is meant to follow the file's name, such as `is UTF-16: save it as UTF-8`
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) throw new Error('is UTF-16: save it as UTF-8');
  if (isUtf8(bytes))
    return Buffer.from(bytes)
      .toString('utf8')
      .replace(/^\uFEFF/, '');
  const text = Buffer.from(bytes).toString('utf8');
  const line = text.slice(0, text.indexOf('\uFFFD')).split('\n').length;
  throw new Error(`is not UTF-8 (line ${line}): save it as UTF-8`);
}
