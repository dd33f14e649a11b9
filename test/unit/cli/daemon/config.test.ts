import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { configPath, connectionOf, defaultUrl } from '../../../../src/cli/daemon/config.js';
import { CommandError } from '../../../../src/cli/terminal/errors.js';
import { temporaryDirectory } from '../../../support/cleanup.js';

async function environmentWith(t: TestContext, config?: string): Promise<{ XDG_CONFIG_HOME: string }> {
  const home = await temporaryDirectory(t);
  await mkdir(join(home, 'dcf'));
  if (config !== undefined) await writeFile(join(home, 'dcf/config.yaml'), config);
  return { XDG_CONFIG_HOME: home };
}

test('the URL: option over variable over config file over default', async (t) => {
  const bare = await environmentWith(t);
  assert.deepEqual(connectionOf({}, bare), { url: defaultUrl, token: undefined, named: false });
  const configured = await environmentWith(t, 'url: config:1\n');
  assert.deepEqual(connectionOf({}, configured), { url: 'config:1', token: undefined, named: true });
  assert.equal(connectionOf({}, { ...configured, DCF_URL: 'variable:1' }).url, 'variable:1');
  assert.equal(connectionOf({}, { ...configured, DCF_URL: '' }).url, 'config:1');
  assert.equal(connectionOf({ url: 'option:1' }, { ...configured, DCF_URL: 'variable:1' }).url, 'option:1');
});

test('the token: option, variable, file, config', async (t) => {
  const configured = await environmentWith(t, 'url: config:1\ntoken: from-config\n');
  const file = join(await temporaryDirectory(t), 'token');
  await writeFile(file, '  from-file\n');
  const environment = { ...configured, DCF_TOKEN_FILE: file };
  assert.equal(connectionOf({}, configured).token, 'from-config');
  assert.equal(connectionOf({}, environment).token, 'from-file');
  assert.equal(connectionOf({}, { ...environment, DCF_TOKEN: 'from-variable' }).token, 'from-variable');
  assert.equal(connectionOf({ token: 'from-option' }, { ...environment, DCF_TOKEN: 'from-variable' }).token, 'from-option');
});

test("the config file's token goes to the config file's daemon only", async (t) => {
  const configured = await environmentWith(t, 'url: config:1\ntoken: secret\n');
  assert.equal(connectionOf({ url: 'other:1' }, configured).token, undefined);
  assert.equal(connectionOf({}, { ...configured, DCF_URL: 'other:1' }).token, undefined);
  assert.equal(connectionOf({ url: 'config:1' }, configured).token, 'secret');
  const local = await environmentWith(t, 'token: secret\n');
  assert.equal(connectionOf({}, local).token, 'secret');
  assert.equal(connectionOf({ url: 'other:1' }, local).token, undefined);
});

test('a config or token file that is wrong: which file, what, exit code 2', async (t) => {
  const cases: [string, RegExp][] = [
    ['url: [', /config\.yaml is not valid YAML/],
    ['- url', /must be a mapping; allowed keys: url, token/],
    ['urls: x\n', /unknown key "urls"; allowed: url, token/],
    ['url: [5]\n', /"url" must be a text/],
    ['url: x\n---\nurl: y\n', /config\.yaml is not valid YAML: it has a second document; allowed: one$/],
    ['token: ""\n', /"token" must be a text/],
  ];
  for (const [config, reason] of cases) {
    const environment = await environmentWith(t, config);
    assert.throws(
      () => connectionOf({}, environment),
      (error) => error instanceof CommandError && error.exitCode === 2 && reason.test(error.message),
    );
  }
  assert.equal(connectionOf({}, await environmentWith(t, '')).url, defaultUrl);
  assert.equal(connectionOf({}, await environmentWith(t, '# url: x\n')).url, defaultUrl);
  assert.equal(connectionOf({}, await environmentWith(t, '\uFEFFtoken: 1.10\n')).token, '1.10');
  const bare = await environmentWith(t);
  assert.throws(
    () => connectionOf({}, { ...bare, DCF_TOKEN_FILE: '/nowhere/token' }),
    /DCF_TOKEN_FILE names \/nowhere\/token, which does not exist/,
  );
  const empty = join(await temporaryDirectory(t), 'token');
  await writeFile(empty, '\n');
  assert.throws(() => connectionOf({}, { ...bare, DCF_TOKEN_FILE: empty }), /is empty/);
  assert.throws(() => connectionOf({}, { ...bare, DCF_TOKEN_FILE: '/' }), /cannot be read/);
});

test('where the config file is', () => {
  assert.equal(configPath({ XDG_CONFIG_HOME: '/x' }), '/x/dcf/config.yaml');
  assert.match(configPath({ XDG_CONFIG_HOME: '' }), /\.config\/dcf\/config\.yaml$/);
  assert.match(configPath({}), /\.config\/dcf\/config\.yaml$/);
});
