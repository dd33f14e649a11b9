import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcfError } from '@dcf/sdk/errors';
import { parseManifestYaml } from '@dcf/sdk/manifest';

/** The parameters of a manifest in which they begin in line 3. */
function parameters(...lines: readonly string[]): unknown {
  const text = ['name: f', 'parameters:', ...lines.map((line) => `  ${line}`)].join('\n');
  return parseManifestYaml(text, 'function.yaml').parameters;
}

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(DcfError.is(error) && error.code === 'INVALID_ARGUMENT', String(error));
    return error.message;
  }
  return assert.fail('this was taken');
}

test('merge keys are merged: one mapping, a list of them, with what is written beside them before both', () => {
  const bases = ['base: &base { a: 1, b: 2 }', 'other: &other { b: 3, c: 4 }'];
  const merged = (...lines: readonly string[]): unknown => {
    const all = parameters(...bases, 'x:', ...lines.map((line) => `  ${line}`));
    return typeof all === 'object' && all !== null && 'x' in all ? all.x : undefined;
  };
  assert.deepEqual(merged('<<: *base', 'b: 9'), { a: 1, b: 9 });
  assert.deepEqual(merged('b: 9', '<<: *base'), { a: 1, b: 9 });
  assert.deepEqual(merged('<<: [*base, *other]'), { a: 1, b: 2, c: 4 });
  assert.deepEqual(merged('<<: { y: 1 }'), { y: 1 });
  assert.deepEqual(merged('"<<": *base'), { '<<': { a: 1, b: 2 } }, 'in quotes it is a key like others');
  const manifest = parseManifestYaml('name: f\nenvironment: &common { A: "1" }\nlabels:\n  <<: *common\n  B: "2"\n', 'function.yaml');
  assert.deepEqual(manifest.labels, { A: '1', B: '2' });
  for (const [line, reason] of [
    ['<<: 5', /^function\.yaml:6: "<<" has another value than mappings; allowed: an alias of a mapping, or a list of these$/],
    ['<<: [*base, 1]', /^function\.yaml:6: "<<" has another value than mappings/],
    [
      '<<: *nobody',
      /^function\.yaml:6: "parameters\.x\.<<" is \*nobody, an alias without an anchor; allowed: an alias of an anchor \(&nobody\)/,
    ],
  ] as const) {
    assert.match(
      refusal(() => merged(line)),
      reason,
    );
  }
  assert.match(
    refusal(() => merged('<<: *base', '<<: *other')),
    /^function\.yaml:7:5: .*this key is there twice/,
  );
});

test('what is wrong in a merged mapping is told with the line in which it stands', () => {
  const text = 'name: f\nparameters:\n  base: &base\n    colour: 1\nreplicas:\n  <<: *base\n';
  assert.match(
    refusal(() => parseManifestYaml(text, 'function.yaml')),
    /^function\.yaml:4: unknown key "replicas\.colour"/,
  );
});

test('tags that mean nothing here are refused, wherever they stand; those of the core schema are taken', () => {
  for (const tag of [
    '!secret',
    '!env',
    '!!binary',
    '!!timestamp',
    '!!set',
    '!!omap',
    '!!python/object',
    '!<tag:example.com,2000:x>',
    '!Ref',
  ]) {
    const shown = tag.replace(/^!<(.*)>$/, '$1');
    const message = refusal(() => parameters('a: 1', `key: ${tag} abc`));
    assert.ok(
      message.startsWith(`function.yaml:4: "parameters.key" has the tag ${shown}, which is not supported; allowed: no tag, or !!str`),
      message,
    );
  }
  assert.match(
    refusal(() => parameters('key: !secret abc')),
    /between hosts under secrets$/,
  );
  assert.match(
    refusal(() => parameters('list: [1, !x { a: 1 }]')),
    /^function\.yaml:3: "parameters\.list\.1" has the tag !x/,
  );
  assert.match(
    refusal(() => parameters('key: !!int abc')),
    /has the tag !!int/,
  );
  assert.match(
    refusal(() => parameters('!x key: 1')),
    /^function\.yaml:3:\d+: this key is a list, a mapping, or has a tag/,
  );
  assert.match(
    refusal(() => parseManifestYaml('!function\nname: f', 'function.yaml')),
    /^function\.yaml:\d: it has the tag !function/,
  );
  assert.deepEqual(parameters('a: !!str 1.10', 'b: !!int "5"', 'c: ! 12', 'd: !!map {}', 'e: !!seq []', 'f: !!null ""', 'g: !!bool true'), {
    a: '1.10',
    b: 5,
    c: '12',
    d: {},
    e: [],
    f: null,
    g: true,
  });
});

test('numbers that would arrive as others are refused with their line', () => {
  for (const [written, allowed] of [
    ['12345678901234567891', 'a whole number up to 9007199254740991'],
    ['-9007199254740992', 'a whole number up to 9007199254740991'],
    ['0xFFFFFFFFFFFFFFFF', 'a whole number up to 9007199254740991'],
    ['001234567890', 'a number without leading zeros (1234567890; some programs would read it as octal), or a text in quotes'],
    ['010', 'a number without leading zeros (10;'],
    ['-007.5', 'a number without leading zeros'],
    ['+491701234567', 'a number without a plus sign (491701234567), or a text in quotes'],
    ['.inf', 'a finite number'],
    ['-.INF', 'a finite number'],
    ['.nan', 'a finite number'],
    ['1e400', 'a finite number'],
    ['12e34567', 'a finite number'],
  ] as const) {
    const message = refusal(() => parameters('a: 1', `id: ${written}`));
    assert.ok(message.startsWith(`function.yaml:4: "parameters.id" is ${written}; allowed: ${allowed}`), message);
  }
  const two = refusal(() => parameters('ids: [007,', '  12345678901234567891]'));
  assert.deepEqual(
    two.split('\n').map((line) => line.slice(0, 42)),
    ['function.yaml:3: "parameters.ids.0" is 007', 'function.yaml:4: "parameters.ids.1" is 123'],
  );
});

test('what YAML 1.2 says of scalars that 1.1 read in another way, and of dates, octal and hexadecimal numbers', () => {
  assert.deepEqual(
    parameters(
      'words: [yes, no, on, off, y, n, Yes, NO]',
      'numbers: [0, -1, 0.50, 1e3, 0o17, 0x1F, 9007199254740991, .5]',
      'texts: [1_000, 0b11, "001", 1:30, 2024-01-01, 2001-12-14t21:59:43Z, 1.2.3, 1e, 0o8, "12345678901234567891"]',
      'nothing: [null, ~, Null, ]',
      'truth: [true, True, FALSE]',
      'empty:',
    ),
    {
      words: ['yes', 'no', 'on', 'off', 'y', 'n', 'Yes', 'NO'],
      numbers: [0, -1, 0.5, 1000, 15, 31, 9_007_199_254_740_991, 0.5],
      texts: ['1_000', '0b11', '001', '1:30', '2024-01-01', '2001-12-14t21:59:43Z', '1.2.3', '1e', '0o8', '12345678901234567891'],
      nothing: [null, null, null],
      truth: [true, true, false],
      empty: null,
    },
  );
});

test('a key is the text that was written', () => {
  assert.deepEqual(parameters('1: a', '1.10: b', '007: c', 'true: d', 'null: e', '12345678901234567891: f', 'yes: g', '2024-01-01: h'), {
    '1': 'a',
    '1.10': 'b',
    '007': 'c',
    true: 'd',
    null: 'e',
    '12345678901234567891': 'f',
    yes: 'g',
    '2024-01-01': 'h',
  });
  assert.match(
    refusal(() => parameters('? [a]', ': b')),
    /^function\.yaml:3:\d+: this key is a list, a mapping, or has a tag; allowed: a text$/,
  );
  assert.match(
    refusal(() => parameters('__proto__: { x: 1 }')),
    /__proto__/,
  );
});

test('a byte order mark, CRLF, document marks, an empty file', () => {
  assert.deepEqual(parseManifestYaml('\uFEFFname: f\r\nparameters:\r\n  a: x\r\n', 'function.yaml').given, {
    name: 'f',
    parameters: { a: 'x' },
  });
  assert.deepEqual(parseManifestYaml('%YAML 1.2\n---\nname: f\n...\n', 'function.yaml').given, { name: 'f' });
  for (const [text, reason] of [
    ['name: f\n---\nname: g\n', /^function\.yaml:2:1: a second document begins here with "---"; allowed: one document in a file/],
    ['name: f\n---\n', /^function\.yaml:2:1: a second document begins here/],
    ['%YAML 1.1\n---\nname: f\n', /^function\.yaml:1: %YAML 1\.1; allowed: YAML 1\.2/],
    ['name: f\nname: g', /^function\.yaml:2:1: not valid YAML: this key is there twice; allowed: each key once$/],
    ['name: f\nlimits:\n\tgpu: 1', /^function\.yaml:3:\d: not valid YAML: this line is indented with a tab; allowed: spaces$/],
    [`name: ${'['.repeat(20_000)}`, /^function\.yaml:1:\d+: not valid YAML: the value is nested too deeply$/],
    [`name: f\nparameters: { a: ${'['.repeat(2000)}${']'.repeat(2000)} }`, /^function\.yaml.*nested too deeply/],
    ['name: f\nparameters: { a: "\\ud800" }', /^function\.yaml:2: "parameters\.a" has half of a surrogate pair/],
  ] as const) {
    assert.match(
      refusal(() => parseManifestYaml(text, 'function.yaml')),
      reason,
    );
  }
});

test('aliases: of what stands before, not of what holds them, and not without end', () => {
  assert.deepEqual(parameters('a: &a [1, 2]', 'b: *a'), { a: [1, 2], b: [1, 2] });
  assert.match(
    refusal(() => parameters('a: &a', '  b: *a')),
    /^function\.yaml:4: "parameters\.a\.b" is \*a, an alias of a value that contains this alias/,
  );
  assert.match(
    refusal(() => parameters('a: *a', 'b: &a 1')),
    /^function\.yaml:3: "parameters\.a" is \*a, an alias without an anchor; allowed: an alias of an anchor/,
  );
  const bomb = [...'abcdefgh'].map((key, index, keys) => `${key}: &${key} [${`${index === 0 ? 'x' : `*${keys[index - 1]}`},`.repeat(9)}]`);
  assert.match(
    refusal(() => parameters(...bomb)),
    /^function\.yaml: too many aliases \("billion laughs"\); allowed: 100 for an anchor, .* Write the values out$/,
  );
});

test('a key without a value says what it may have, and that it may be left out', () => {
  const message = refusal(() => parseManifestYaml('name: f\nreplicas:\n# min: 1\ntimeout: ~\n', 'function.yaml'));
  assert.deepEqual(message.split('\n'), [
    'function.yaml:2: "replicas" is null; allowed: a mapping of keys to values, or leave the key out',
    'function.yaml:4: "timeout" is null; allowed: a duration with its unit, such as 500ms, 30s or 5m, or leave the key out',
  ]);
});

test('a mistyped key is told what it was meant to be', () => {
  for (const [key, meant] of [
    ['replica: {}', 'replicas'],
    ['enviroment: {}', 'environment'],
    ['tiemout: 5s', 'timeout'],
    ['Resources: {}', 'resources'],
    ['limits: { memmory: 1GiB }', 'memory'],
  ] as const) {
    const message = refusal(() => parseManifestYaml(`name: f\n${key}`, 'function.yaml'));
    assert.ok(message.includes(`(did you mean "${meant}"?)`), message);
  }
  assert.doesNotMatch(
    refusal(() => parseManifestYaml('name: f\ncolour: red', 'function.yaml')),
    /did you mean/,
  );
});
