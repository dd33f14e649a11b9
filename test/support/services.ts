import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packFunction } from '@dcf/sdk/package';
import { messageOf } from '../../src/core/errors.js';
import { runPipInstall } from '../../src/languages/python/pip.js';
import { provideSystemPackages } from '../../src/registry/install/system-packages.js';
import type { Owner } from './cleanup.js';
import { startDaemon, type TestDaemon } from './daemon.js';
import { root } from './programs.js';
import { noPython, testPython } from './pythons.js';

/** Small, of pure Python, and needed by nothing that is tested. */
const probe = 'six==1.17.0\n';

/** A sample function with all that its requirements bring. */
export interface Service {
  daemon: TestDaemon;
  /** Deploys it as a user would, packages and all. */
  deploy: () => Promise<void>;
  example: (file: string) => Promise<Buffer>;
  /** Its output for an input, as text. */
  call: (input: Uint8Array | string) => Promise<string>;
}

/** A function of `functions/` and a daemon of its own. */
export async function startService(owner: Owner, name: string): Promise<Service> {
  const daemon = await startDaemon(owner, { args: ['--python', (await testPython()).executable] });
  const folder = join(root, 'functions', name);
  return {
    daemon,
    deploy: async () => void (await daemon.control.deploy(await packFunction(folder))),
    example: (file) => readFile(join(folder, 'examples', file)),
    call: async (input) => Buffer.from((await daemon.client.invoke(name, input)).output).toString(),
  };
}

/**
 * Why a function cannot get the packages that it names, for a test to skip with; `false` where it can. A small package is installed
 * as a deploy does it.
 *
 * @param apt - the Debian packages that it needs of the host
 */
export async function lacksPackages(apt: readonly string[] = []): Promise<string | false> {
  if (noPython !== false) return noPython;
  const directory = await mkdtemp(join(tmpdir(), 'dcf-packages-'));
  try {
    const onOutput = (): void => undefined;
    await provideSystemPackages(apt, { mayInstall: false, onOutput });
    await writeFile(join(directory, 'requirements.txt'), probe);
    const run = { onOutput, signal: new AbortController().signal, timeLimitMs: 60_000 };
    await runPipInstall({ python: await testPython(), directory, requirements: 'requirements.txt' }, run);
    return false;
  } catch (error) {
    return `its packages cannot be installed: ${messageOf(error).trim().split('\n').at(-1)}`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
