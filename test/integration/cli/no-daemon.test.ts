import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf, deadUrl, noHome } from './command-line.js';

test('without a daemon every command that needs one says so, where it looked, and what to do', { timeout: 300_000 }, async (t) => {
  const folder = await temporaryDirectory(t);
  await dcf(['init', 'hello'], { cwd: folder });
  const url = await deadUrl();
  const commands = [
    ['list'],
    ['list', '--json'],
    ['describe', 'hello'],
    ['logs', 'hello'],
    ['delete', 'hello'],
    ['invoke', 'hello'],
    ['deploy', 'hello'],
  ];
  await Promise.all(
    commands.map(async (args) => {
      const { code, stdout, stderr } = await dcf([...args, '--url', url], { cwd: folder });
      assert.deepEqual([code, stdout], [1, ''], `${args.join(' ')}: ${stderr}`);
      assert.match(stderr, /^dcf: .*UNAVAILABLE: no DCF daemon answers at .*dcfd/m);
      assert.ok(stderr.includes(url), stderr);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }),
  );
});

test('the daemon is named by option, variable or config file', { timeout: 300_000 }, async (t) => {
  const url = await deadUrl();
  const config = await temporaryDirectory(t);
  await mkdir(join(config, 'dcf'));
  await writeFile(join(config, 'dcf/config.yaml'), `url: ${url}\n`);
  const ways = [
    [['list', '--url', url], {}],
    [['--url', url, 'list'], {}],
    [['list'], { DCF_URL: url }],
    [['list'], { XDG_CONFIG_HOME: config }],
  ] as const;
  await Promise.all(
    ways.map(async ([args, env]) => {
      const { code, stderr } = await dcf(args, { env });
      assert.equal(code, 1);
      assert.ok(stderr.includes(url), stderr);
    }),
  );
});

test('doctor: a daemon that was named and does not answer is broken; the rest is still reported', { timeout: 300_000 }, async () => {
  const url = await deadUrl();
  const { code, stdout, stderr } = await dcf(['doctor', '--json', '--url', url]);
  assert.equal(code, 1);
  assert.match(stderr, /^dcf: broken: daemon$/m);
  const { checks, machine } = JSON.parse(stdout);
  assert.equal(machine, 'this machine');
  const states = new Map(checks.map((check: { name: string; state: string }) => [check.name, check.state]));
  assert.deepEqual(
    [states.get('node') === 'broken', states.get('daemon'), states.get('provider cpu'), states.get('disk')],
    [false, 'broken', 'ok', 'ok'],
  );
  const text = await dcf(['doctor', '--url', url]);
  assert.match(text.stdout, /^ok {2,}provider cpu +yes/m);
  assert.match(text.stdout, /were checked on this machine/);
  assert.ok(!existsSync(noHome), 'a probe has written to the home folder');
});
