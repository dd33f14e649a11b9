import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Each message of the worker protocol, as bytes and as JSON. Every runtime's own tests read and write all of them. */
export interface GoldenFrame {
  name: string;
  bytes: Buffer;
  /** As in golden/<name>.json; a body stands there as base64. */
  message: Readonly<Record<string, unknown>>;
}

// Built tests run from dist/test/protocol; the golden frames are no code and stay in the source tree.
const folder = fileURLToPath(new URL('../../../test/protocol/golden/', import.meta.url));

/** All golden frames, in order of their names. */
export function goldenFrames(): GoldenFrame[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.bin'))
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.bin'.length);
      const message: unknown = JSON.parse(readFileSync(`${folder}${name}.json`, 'utf8'));
      if (typeof message !== 'object' || message === null) throw new Error(`${name}.json holds no object`);
      return { name, bytes: readFileSync(`${folder}${file}`), message: { ...message } };
    });
}
