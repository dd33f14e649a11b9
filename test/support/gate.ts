import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Owner, temporaryDirectory } from './cleanup.js';

/** Something that a Handler waits for until its test lets it go on. */
export interface Gate {
  /** The file that is missing while the gate is shut. */
  path: string;
  /** A statement of the Handler's source: waits, in an asynchronous function, until the gate is open. */
  wait: string;
  open: () => Promise<void>;
}

/** A gate that is shut; its file goes with its owner. */
export async function shutGate(owner: Owner): Promise<Gate> {
  const path = join(await temporaryDirectory(owner), 'open');
  return { path, wait: untilThere(JSON.stringify(path)), open: () => writeFile(path, '') };
}

/**
 * A statement of a Handler's source that waits, in an asynchronous function, until a file is there.
 *
 * @param path - an expression of that source
 * @param unless - an expression of that source, too: once it is true nothing is waited for any more
 */
export function untilThere(path: string, unless = 'false'): string {
  return `for (const { existsSync } = await import('node:fs'); !existsSync(${path}) && !(${unless}); ) await new Promise((resolve) => setTimeout(resolve, 5));`;
}
