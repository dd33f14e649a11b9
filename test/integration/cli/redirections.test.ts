import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { built } from '../../support/programs.js';
import { dcf, noHome } from './command-line.js';
import { FakeDaemon } from './fake-daemon.js';

const skip = existsSync('/dev/full') ? false : 'needs /dev/full';
const programs = { dcf: join(built, 'cli/main.js'), dcfd: join(built, 'daemon/main.js') };

/** Runs a line of the shell in which `$dcf` and `$dcfd` are the programs. Returns the exit code and what stdout and stderr got. */
async function shell(line: string, url = ''): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const [program, daemon] = [programs.dcf, programs.dcfd].map((path) => `${process.execPath} ${path}`);
  const env = { PATH: process.env['PATH'], HOME: noHome, XDG_CONFIG_HOME: noHome, DCF_URL: url, dcf: program, dcfd: daemon };
  const child = spawn('bash', ['-c', line], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, stdout, stderr };
}

async function daemonUrl(t: TestContext): Promise<string> {
  return (await FakeDaemon.start(t)).url;
}

test('a disk that is full is one line on stderr and exit code 1, whatever the command', { skip, timeout: 300_000 }, async (t) => {
  const url = await daemonUrl(t);
  const folder = await temporaryDirectory(t);
  const commands = [
    '$dcf --help',
    '$dcf list --help',
    '$dcf --version',
    '$dcf list',
    '$dcf list --json',
    '$dcf describe hello',
    '$dcf logs hello',
    '$dcf invoke hello --data x',
    '$dcf invoke hello --data x --json',
    '$dcf delete hello --yes',
    `cd ${folder} && $dcf init made`,
    '$dcf doctor',
  ];
  for (const command of commands) {
    const { code, stderr } = await shell(`${command} > /dev/full`, url);
    assert.equal(code, 1, `${command}: ${stderr}`);
    assert.equal(stderr, 'dcf: stdout cannot be written: no space is left on the device (ENOSPC)\n', command);
  }
  for (const command of ['$dcfd --help', '$dcfd --version']) {
    const { code, stderr } = await shell(`${command} > /dev/full`);
    assert.deepEqual([code, stderr], [1, 'dcfd: stdout cannot be written: ENOSPC: no space left on device, write\n'], command);
  }
});

test('a stderr that cannot be written changes neither output nor exit code', { skip, timeout: 300_000 }, async (t) => {
  const url = await daemonUrl(t);
  assert.deepEqual(await shell('$dcf invoke hello --data x --report 2> /dev/full', url), { code: 0, stdout: 'x', stderr: '' });
  assert.deepEqual(await shell('$dcf invoke nobody --data x 2> /dev/full', url), { code: 1, stdout: '', stderr: '' });
  assert.equal((await shell('$dcf list > /dev/full 2>&1', url)).code, 1);
  assert.equal((await shell('$dcfd --nonsense 2> /dev/full')).code, 2);
  // A reader of stderr that leaves does not end what runs.
  const { code, stdout } = await shell('$dcf invoke hello --data x --report 2> >(true)', url);
  assert.deepEqual([code, stdout], [0, 'x']);
});

test('an output of which the disk takes a part only is a failure', { timeout: 300_000 }, async (t) => {
  const url = await daemonUrl(t);
  const folder = await temporaryDirectory(t);
  await writeFile(join(folder, 'input'), Buffer.alloc(100_000, 'A'));
  // 16 blocks of 1 KiB are the most that a file may have; the signal that a longer one brings is ignored, as Node cannot.
  const limited = `trap '' XFSZ; ulimit -f 16; cd ${folder}; $dcf invoke hello --input input`;
  for (const to of ['> output', '--output output']) {
    const { code, stderr } = await shell(`${limited} ${to}`, url);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^dcf: (stdout|--output output) cannot be written: it would be larger than a file may be \(EFBIG\)\n$/);
  }
});

test('--output onto a folder, a full disk, or where nothing may be written is found out before the call', {
  timeout: 300_000,
}, async (t) => {
  const daemon = await FakeDaemon.start(t);
  const folder = await temporaryDirectory(t);
  await mkdir(join(folder, 'sub'));
  const env = { DCF_URL: daemon.url };
  for (const [file, reason] of [
    [join(folder, 'sub'), 'it is a folder (EISDIR)'],
    [join(folder, 'none/file'), 'there is no such file or folder (ENOENT)'],
    ['/proc/self/nothing', 'permission denied (EPERM)'],
  ] as const) {
    const { code, stderr } = await dcf(['invoke', 'slow', '--data', 'x', '--output', file], { env });
    assert.deepEqual([code, stderr], [1, `dcf: --output ${file} cannot be written: ${reason}\n`]);
  }
  const kept = join(folder, 'kept');
  await writeFile(kept, 'before');
  for (const more of [[], ['--stream']]) {
    assert.equal((await dcf(['invoke', 'nobody', '--data', 'x', '--output', kept, ...more], { env })).code, 1);
    assert.equal(await readFile(kept, 'utf8'), 'before', 'a call that fails leaves the file of the one before');
  }
  if (skip !== false) return;
  const full = await dcf(['invoke', 'hello', '--data', 'x', '--output', '/dev/full'], { env });
  assert.deepEqual([full.code, full.stderr], [1, 'dcf: --output /dev/full cannot be written: no space is left on the device (ENOSPC)\n']);
});

test('piped stdin is the input of a call, a file and /dev/null and a closed one too', { timeout: 300_000 }, async (t) => {
  const url = await daemonUrl(t);
  const invoke = '$dcf invoke hello';
  for (const [line, output] of [
    [`printf Ada | ${invoke}`, 'Ada'],
    [`${invoke} <<< Ada`, 'Ada\n'],
    [`{ sleep 0.2; printf Ada; } | ${invoke} --input -`, 'Ada'],
    [`printf Ada | ${invoke} --data Bob`, 'Bob'],
    [`${invoke} < /dev/null`, ''],
    [`${invoke} <&-`, ''],
    [`true | ${invoke}`, ''],
  ] as const) {
    assert.deepEqual(await shell(line, url), { code: 0, stdout: output, stderr: '' }, line);
  }
  const folder = await shell(`${invoke} < /`, url);
  assert.deepEqual([folder.code, folder.stdout], [2, '']);
  assert.match(folder.stderr, /^dcf: stdin cannot be read: it is a folder\n$/);
});
