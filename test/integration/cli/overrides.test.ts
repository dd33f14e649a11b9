import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Override, parseManifestYaml, parseOverride, parseTextOverride } from '@dcf/sdk/manifest';
import { collectOverride, collectTextOverride, overridesOf } from '../../../src/cli/terminal/overrides.js';
import { dcf } from './command-line.js';

/** The manifest that comes of `--set` options, as it is sent. */
function given(text: string, ...options: readonly string[]): Record<string, unknown> {
  return parseManifestYaml(`name: f\n${text}`, 'function.yaml', options.map(parseOverride)).given;
}

test('--set: a value is a scalar of YAML, a list or mapping in brackets, a text in quotes, or the text as it stands', () => {
  for (const [written, value] of [
    ['false', false],
    ['TRUE', true],
    ['null', null],
    ['~', null],
    ['2', 2],
    ['-7', -7],
    ['0x1F', 31],
    ['0o17', 15],
    ['1e-3', 0.001],
    ['1.10', 1.1],
    ['"1.10"', '1.10'],
    ["'007'", '007'],
    ['[cuda, cpu]', ['cuda', 'cpu']],
    ['{ a: 1, b: [x] }', { a: 1, b: ['x'] }],
    ['', ''],
    ['a=b', 'a=b'],
    ['1,2', '1,2'],
    ['30s', '30s'],
    ['yes', 'yes'],
    ['off', 'off'],
    ['1_000', '1_000'],
    ['2024-01-01', '2024-01-01'],
    ['key: value', 'key: value'],
    ['# no comment', '# no comment'],
    ['- a', '- a'],
    ['*a', '*a'],
    ['!tag x', '!tag x'],
    ['@x', '@x'],
    ['%', '%'],
    ['line\none', 'line\none'],
    [' two  blanks ', ' two  blanks '],
  ] as const) {
    assert.deepEqual(parseOverride(`parameters.x=${written}`), { path: ['parameters', 'x'], value, shown: '--set parameters.x' }, written);
  }
  for (const [written, reason] of [
    ['12345678901234567891', /is 12345678901234567891; allowed: a whole number up to 9007199254740991.*--set-string/],
    ['001234567890', /is 001234567890; allowed: a number without leading zeros/],
    ['+491701234567', /without a plus/],
    ['.inf', /a finite number/],
    ['.nan', /a finite number/],
    ['1e999', /a finite number/],
    ['[1', /not valid YAML.*--set-string/],
    ['[12345678901234567891]', /a whole number up to/],
    ['[!secret x]', /the tag !secret/],
  ] as const) {
    assert.throws(() => parseOverride(`parameters.x=${written}`), { code: 'INVALID_ARGUMENT', message: reason });
  }
});

test('--set: keys with dots, places in lists, and paths that are not allowed', () => {
  const pathOf = (text: string): Override['path'] => parseOverride(text).path;
  assert.deepEqual(pathOf('labels.example\\.com/owner=ada'), ['labels', 'example.com/owner']);
  assert.deepEqual(pathOf('labels.a\\.b\\.c=d'), ['labels', 'a.b.c']);
  assert.deepEqual(pathOf('parameters.a\\=b=c'), ['parameters', 'a=b']);
  assert.deepEqual(pathOf('parameters.m[0][12].n=1'), ['parameters', 'm', 0, 12, 'n']);
  for (const text of ['', 'x', '=1', '.a=1', 'a.=1', 'a..b=1', 'a[=1', 'a[x]=1', 'a[-1]=1', '[0]=1', 'a[0]b=1', 'a]=1', '__proto__.x=1']) {
    assert.throws(() => parseOverride(text), { code: 'INVALID_ARGUMENT' }, text);
    assert.throws(() => parseTextOverride(text), { code: 'INVALID_ARGUMENT' }, text);
  }
});

test('--set: into mappings, lists and aliases; null takes a key away but in parameters', () => {
  assert.deepEqual(given('', 'parameters.list[0]=a', 'parameters.list[1]=b', 'parameters.list[0]=c'), {
    name: 'f',
    parameters: { list: ['c', 'b'] },
  });
  assert.deepEqual(given('providers: [cuda, cpu]', 'providers[0]=webgpu', 'providers.1=cpu'), { name: 'f', providers: ['webgpu', 'cpu'] });
  assert.deepEqual(given('providers: [cuda, cpu]', 'providers[0]=null'), { name: 'f', providers: ['cpu'] });
  assert.deepEqual(given('limits: { memory: 1GiB }\nqueue:', 'limits.memory=null', 'queue.maxSize=3', 'timeout=null'), {
    name: 'f',
    limits: {},
    queue: { maxSize: 3 },
  });
  assert.deepEqual(given('parameters: { a: 1, b: 2 }', 'parameters.a=null'), { name: 'f', parameters: { a: null, b: 2 } });
  assert.deepEqual(given('parameters: { a: 1 }', 'parameters=null'), { name: 'f' });
  assert.deepEqual(given('environment: { A: x }', 'environment.A=', 'environment.B=1'.replace('=1', '="1"')), {
    name: 'f',
    environment: { A: '', B: '1' },
  });
  assert.deepEqual(given('parameters: { a: &a { x: 1 }, b: *a }', 'parameters.b.x=2'), {
    name: 'f',
    parameters: { a: { x: 1 }, b: { x: 2 } },
  });
  for (const [option, reason] of [
    ['parameters.list[2]=x', /^--set parameters\.list\[2\]: "2" is not an index of a list of 1; allowed: \[0\] to \[1\]/],
    ['parameters.list.0x0=x', /"0x0" is not an index of a list of 1/],
    ['parameters.list.name=x', /"name" is not an index of a list of 1/],
    ['parameters[0]=x', /\[0\] is an index of a list, but the value is a mapping/],
    ['parameters.list[0].x=1', /"parameters\.list\.0" is "a"; allowed: only a mapping or a list/],
    ['replicas.max=many', /^--set replicas\.max: "replicas\.max" is "many"; allowed: a number$/],
    ['environment.A=1', /^--set environment\.A: "environment\.A" is 1; allowed: a text: put it in quotes$/],
  ] as const) {
    assert.throws(() => given('parameters: { list: [a] }', option), { code: 'INVALID_ARGUMENT', message: reason });
  }
});

test('--set-string: text, whatever it looks like, and after all of --set', () => {
  const setString = collectTextOverride('parameters.version=1.10', collectTextOverride('parameters.id=007'));
  const set = collectOverride('parameters.version=2');
  const { given: sent } = parseManifestYaml('name: f', 'function.yaml', overridesOf({ set, setString }));
  assert.deepEqual(sent, { name: 'f', parameters: { version: '1.10', id: '007' } });
  assert.equal(parseTextOverride('a= null ').value, ' null ');
});

test('on the command line: a bad value is bad usage, and 1.10 is said to be a number', { timeout: 300_000 }, async () => {
  const bad = await dcf(['deploy', '/nowhere', '--set', 'parameters.id=007']);
  assert.deepEqual([bad.code, bad.stdout], [2, '']);
  assert.match(
    bad.stderr,
    /option '--set <key=value>' argument 'parameters\.id=007' is invalid\..*allowed: a number without leading zeros/,
  );
  for (const command of ['run', 'deploy']) {
    const noted = await dcf([command, '/nowhere', '--set', 'parameters.version=1.10', '--set-string', 'parameters.other=1.10']);
    assert.match(noted.stderr, /^dcf: --set parameters\.version: 1\.10 is the number 1\.1; use --set-string for the text$/m);
    assert.doesNotMatch(noted.stderr, /other/);
  }
});
