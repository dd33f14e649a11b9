import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFile, chmod, readFile, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { provideSystemPackages } from '../../../../src/registry/install/system-packages.js';
import { cleanUp, temporaryDirectory } from '../../../support/cleanup.js';

/** A host of its own: the packages are lines of a file, which dpkg-query reads and apt-get writes. */
async function host(context: TestContext, aptGet: string): Promise<{ environment: NodeJS.ProcessEnv; installed: string; asked: string }> {
  const folder = await temporaryDirectory(context);
  const [installed, asked] = [join(folder, 'installed'), join(folder, 'asked')];
  const programs = {
    'dpkg-query': `status=0
for name in "$@"; do case $name in --*|*Package*) continue;; esac
  if grep -qx "$name" ${installed}; then printf '%s\\tinstall ok installed\\n' "$name"
  elif [ "$name" = removed ]; then printf 'removed\\tdeinstall ok config-files\\n'
  else echo "dpkg-query: no packages found matching $name" >&2; status=1; fi
done
exit $status`,
    'apt-get': `echo "$DEBIAN_FRONTEND $*" >> ${asked}; ${aptGet}`,
  };
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, name), 0o755);
  }
  await appendFile(installed, 'libgl1\n');
  return { environment: { PATH: [folder, '/usr/bin', '/bin'].join(delimiter) }, installed, asked };
}

test('what is there is not installed', async (context) => {
  const { environment } = await host(context, 'exit 1');
  await provideSystemPackages(['libgl1'], { mayInstall: true, onOutput: assert.fail, environment });
});

test('what is missing is named, with what to do, where the daemon may not install it', async (context) => {
  const { environment } = await host(context, 'exit 1');
  const refused = provideSystemPackages(['libgl1', 'ffmpeg', 'removed'], { mayInstall: false, onOutput: assert.fail, environment });
  await assert.rejects(refused, {
    code: 'FAILED_PRECONDITION',
    message:
      'packages.apt: this host lacks ffmpeg, removed; run "apt-get install ffmpeg removed" on it, or start dcfd with --install-packages',
  });
});

test('what is missing is installed where it may be, once for two who want it', async (context) => {
  const { environment, asked, installed } = await host(
    context,
    'for name in "$@"; do case $name in ffmpeg) echo "Setting up $name"; echo ffmpeg >> INSTALLED;; esac; done',
  );
  await writeFile(
    join(installed, '..', 'apt-get'),
    (await readFile(join(installed, '..', 'apt-get'), 'utf8')).replace('INSTALLED', installed),
  );
  const lines: string[] = [];
  const options = { mayInstall: true, onOutput: (line: string) => lines.push(line), environment };
  await provideSystemPackages(['libgl1', 'ffmpeg'], options);
  await provideSystemPackages(['ffmpeg'], options);
  assert.deepEqual(lines, ['Setting up ffmpeg']);
  assert.equal(
    await readFile(asked, 'utf8'),
    'noninteractive install --yes --no-install-recommends -o DPkg::Lock::Timeout=300 -- ffmpeg\n',
  );
});

test('an installation that fails tells its last lines; one that did nothing is no success', async (context) => {
  const failing = await host(context, 'echo "E: Unable to locate package nonsense"; exit 100');
  const options = { mayInstall: true, onOutput: () => undefined };
  await assert.rejects(provideSystemPackages(['nonsense'], { ...options, environment: failing.environment }), {
    code: 'FAILED_PRECONDITION',
    message: /apt-get install ended with exit code 100\nE: Unable to locate package nonsense/,
  });
  const idle = await host(context, 'exit 0');
  await assert.rejects(provideSystemPackages(['nonsense'], { ...options, environment: idle.environment }), {
    message: 'packages.apt: "apt-get install nonsense" ran, but nonsense is not installed',
  });
});

test('a host without dpkg says so', async (context) => {
  const environment = { PATH: await temporaryDirectory(context) };
  await assert.rejects(provideSystemPackages(['libgl1'], { mayInstall: true, onOutput: assert.fail, environment }), {
    code: 'FAILED_PRECONDITION',
    message: 'packages.apt: this host has no dpkg, which tells whether libgl1 is installed',
  });
});

test('an install that is given up before it begins is CANCELLED', async (context) => {
  const { environment } = await host(context, 'exit 1');
  const given = { mayInstall: true, onOutput: assert.fail, environment, signal: AbortSignal.abort() };
  await assert.rejects(provideSystemPackages(['ffmpeg'], given), {
    code: 'CANCELLED',
    message: 'installing packages.apt was cancelled before it began',
  });
});

const withoutSetsid = spawnSync('setsid', ['true']).status === 0 ? false : 'there is no setsid';

test('a program that an installer leaves in the background does not hold it up', {
  skip: withoutSetsid,
  timeout: 60_000,
}, async (context) => {
  const folder = await temporaryDirectory(context);
  const left = join(folder, 'left');
  // It leaves the installer's process group, and keeps the installer's output open.
  const { environment } = await host(
    context,
    `setsid sh -c 'echo $$ > ${left}; exec sleep 600' & while [ ! -s ${left} ]; do sleep 0.01; done; echo ready; exit 0`,
  );
  cleanUp(context, async () => {
    process.kill(Number(await readFile(left, 'utf8')), 'SIGKILL');
  });
  const lines: string[] = [];
  await assert.rejects(provideSystemPackages(['ffmpeg'], { mayInstall: true, onOutput: (line) => lines.push(line), environment }), {
    message: 'packages.apt: "apt-get install ffmpeg" ran, but ffmpeg is not installed',
  });
  assert.deepEqual(lines, ['ready']);
});
