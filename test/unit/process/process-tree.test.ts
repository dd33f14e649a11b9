import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { childrenOf, readTree } from '../../../src/process/process-tree.js';
import { temporaryDirectory } from '../../support/cleanup.js';

interface Listed {
  children: readonly number[];
  /** KiB of address space. */
  size: number;
}

/** Lays out what the kernel shows of some processes, by their numbers. */
async function processes(t: TestContext, listed: ReadonlyMap<number, Listed>): Promise<string> {
  const folder = await temporaryDirectory(t);
  for (const [pid, { children, size }] of listed) {
    await mkdir(join(folder, `${pid}`, 'task', `${pid}`), { recursive: true });
    await writeFile(join(folder, `${pid}`, 'task', `${pid}`, 'children'), children.map((child) => `${child} `).join(''));
    await writeFile(join(folder, `${pid}`, 'status'), `Name:\ttest\nVmSize:\t ${size} kB\nVmHWM:\t 20 kB\nVmRSS:\t 10 kB\n`);
  }
  return folder;
}

test('a process and all that it started are read; a child that was just forked is part of its parent', async (t) => {
  const folder = await processes(
    t,
    new Map([
      [1, { children: [2, 3], size: 100 }],
      [2, { children: [4], size: 100 }],
      [3, { children: [], size: 200 }],
      [4, { children: [], size: 300 }],
    ]),
  );
  assert.deepEqual(childrenOf(1, folder), [2, 3]);
  assert.deepEqual(childrenOf(9, folder), []);
  const memory = { rss: 10 * 1024, peak: 20 * 1024 };
  assert.deepEqual(readTree(1, folder), [
    { pid: 1, size: 100 * 1024, ...memory },
    { pid: 4, size: 300 * 1024, ...memory },
    { pid: 3, size: 200 * 1024, ...memory },
  ]);
  assert.deepEqual(readTree(9, folder), []);
});

test('no more than 256 processes are read, however many were forked', async (t) => {
  const forks = Array.from({ length: 300 }, (_, index) => index + 2);
  const listed = new Map<number, Listed>(forks.map((pid) => [pid, { children: [], size: 100 }]));
  listed.set(1, { children: [...forks, 1_000], size: 100 });
  listed.set(1_000, { children: [], size: 200 });
  const folder = await processes(t, listed);
  // Those that were just forked count as well: the 302nd process is not read.
  assert.deepEqual(
    readTree(1, folder).map(({ pid }) => pid),
    [1],
  );
});
