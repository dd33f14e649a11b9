import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Scope } from './scope.js';

/** The repository; this file runs as dist/bench/harness/paths.js. */
const root = fileURLToPath(new URL('../../../', import.meta.url));

/** An absolute path, from one below the repository. */
export function repositoryPath(path: string): string {
  return join(root, path);
}

/** A temporary folder that goes with the scope. */
export async function temporaryFolder(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dcf-bench-'));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
