import assert from 'node:assert/strict';
import test from 'node:test';
import { DcfError } from '@dcf/sdk/errors';
import { manifestJsonSchema, parseManifestJson, parseManifestYaml, secretVariable } from '@dcf/sdk/manifest';
import fc from 'fast-check';
import { anyCharacter } from '../../support/any-text.js';

/** The lines of the refusal of a manifest. */
function problems(text: string): string[] {
  try {
    parseManifestYaml(text, 'function.yaml');
  } catch (error) {
    assert.ok(DcfError.is(error), String(error));
    assert.equal(error.code, 'INVALID_ARGUMENT');
    return error.message.split('\n');
  }
  return assert.fail(`this was taken: ${text}`);
}

test('a name is enough: every other key has its default, durations in milliseconds, sizes in bytes', () => {
  assert.deepEqual(parseManifestYaml('name: digits', 'function.yaml'), {
    given: { name: 'digits' },
    name: 'digits',
    description: '',
    labels: {},
    annotations: {},
    runtime: 'node',
    handler: { path: 'handler.ts', name: 'Handler' },
    parameters: {},
    environment: {},
    secrets: [],
    resources: {},
    replicas: { min: 1, max: 1, idleTimeout: 300_000 },
    threads: 1,
    concurrency: 1,
    batch: { maxSize: 1, maxDelay: 'auto' },
    queue: { maxSize: 256 },
    timeout: 30_000,
    initializer: undefined,
    python: undefined,
    packages: { apt: [] },
    initTimeout: 300_000,
    limits: { payload: 64 * 2 ** 20, gpu: 0 },
    providers: ['cuda', 'cpu'],
    callLog: true,
    update: 'rolling',
    recycle: {},
    isolation: 'process',
    network: true,
  });
});

test('memory: no limit unless one is given, and none that no runtime fits in', () => {
  const read = (text: string) => parseManifestYaml(`name: f\n${text}`, 'function.yaml');
  assert.equal(read('limits: { memory: 512MiB }').limits.memory, 2 ** 29);
  assert.deepEqual(read('recycle: { maxCalls: 1000, maxMemory: 2GiB }').recycle, { maxCalls: 1000, maxMemory: 2 ** 31 });
  assert.match(
    problems('name: f\nlimits: { memory: 32MiB }')[0] ?? '',
    /^function\.yaml:2: "limits\.memory" is "32MiB"; allowed: at least 64MiB$/,
  );
  assert.match(problems('name: f\nrecycle: { maxCalls: 0 }')[0] ?? '', /"recycle\.maxCalls" is 0; allowed: 1 or more/);
});

test('network: a sandbox has none unless it is asked for, a process always has it', () => {
  const read = (text: string) => parseManifestYaml(`name: f\n${text}`, 'function.yaml');
  assert.equal(read('isolation: sandbox').network, false);
  assert.equal(read('isolation: sandbox\nnetwork: true').network, true);
  assert.equal(read('network: true').network, true);
  assert.deepEqual(problems('name: f\nisolation: process\nnetwork: false'), [
    'function.yaml:3: "network" is false; allowed: true, as only isolation: sandbox can keep a function off the network',
  ]);
});

test('handlers, and replicas.max that follows replicas.min', () => {
  const read = (text: string) => parseManifestYaml(`name: f\n${text}`, 'function.yaml');
  assert.deepEqual(read('runtime: python').handler, { path: 'handler.py', name: 'Handler' });
  assert.deepEqual(read('runtime: python\nhandler: a.index.handler').handler, { path: 'a/index.py', name: 'handler' });
  assert.deepEqual(read('runtime: python\nhandler: index.py').handler, { path: 'index.py', name: 'Handler' });
  assert.deepEqual(read('runtime: python\ninitializer: index.start').initializer, { path: 'index.py', name: 'start' });
  assert.deepEqual(read('handler: src/main.mjs#Other').handler, { path: 'src/main.mjs', name: 'Other' });
  assert.equal(read('replicas: { min: 3 }').replicas.max, 3);
  assert.equal(read('replicas: { min: 0 }').replicas.max, 1);
});

test('what only Python functions have', () => {
  assert.deepEqual(problems('name: f\ninitializer: index.start'), [
    'function.yaml:2: "initializer" is "index.start"; allowed: only with runtime: python; leave the key out',
  ]);
  assert.deepEqual(problems('name: f\nruntime: python\npython: 3.12'), [
    'function.yaml:3: "python" is 3.12; allowed: a version in quotes, such as "3.12": without quotes 3.10 would be 3.1',
  ]);
});

test('a refusal has a line for each problem: the place, what was found, what is allowed', () => {
  const lines = problems('name: Digits\ntimeout: 30\nreplicas:\n  min: 2\n  maximum: 3\nthreads: 0\nproviders: [gpu]\n');
  assert.equal(lines.length, 5, lines.join('\n'));
  const about = (key: string): string => lines.find((line) => line.includes(`"${key}`)) ?? assert.fail(`nothing about ${key}`);
  assert.match(about('name'), /^function\.yaml:1: "name" is "Digits"; allowed: lower-case letters/);
  assert.match(about('timeout'), /^function\.yaml:2: "timeout" is 30; allowed: a duration with its unit/);
  assert.match(about('replicas.maximum'), /^function\.yaml:5: unknown key "replicas\.maximum"; allowed here: min, max, idleTimeout$/);
  assert.match(about('threads'), /^function\.yaml:6: "threads" is 0; allowed: 1 or more$/);
  assert.match(about('providers.0'), /^function\.yaml:7: "providers\.0" is "gpu"; allowed: "cpu" or "cuda"/);
});

test('values that do not fit one another', () => {
  const [line] = problems('name: f\nreplicas: { min: 3, max: 2 }');
  assert.match(line ?? '', /^function\.yaml:2: "replicas\.max" is 2; allowed: at least replicas\.min, which is 3$/);
});

test('secrets: a name, or a file; each has a variable of its own', () => {
  const manifest = parseManifestYaml('name: f\nsecrets: [A, { name: B, file: true }, { name: C }]', 'function.yaml');
  assert.deepEqual(manifest.secrets, [
    { name: 'A', file: false },
    { name: 'B', file: true },
    { name: 'C', file: false },
  ]);
  assert.deepEqual(manifest.secrets.map(secretVariable), ['A', 'B_FILE', 'C']);
  for (const [text, reason] of [
    ['secrets: [A, A]', /^function\.yaml:2: "secrets\.1" is "A"; allowed: a secret whose variable is not set twice; .* sets A, too/],
    ['secrets: [A_FILE, { name: A, file: true }]', /^function\.yaml:2: "secrets\.1" is .* sets A_FILE, too$/],
    ['environment: { A: x }\nsecrets:\n- A', /^function\.yaml:4: "secrets\.0" is "A"/],
    ['secrets: [a-b]', /^function\.yaml:2: "secrets\.0" is "a-b"; allowed: a name of letters, digits and _ that/],
    ['secrets: [7]', /allowed: the name of a secret, such as API_KEY, or \{ name: API_KEY, file: true \}$/],
    ['secrets: [{ name: A, value: x }]', /^function\.yaml:2: .*secrets\.0/],
    [`secrets: [${Array.from({ length: 17 }, (_, index) => `A${index}`)}]`, /^function\.yaml:2: "secrets" is .*; allowed: 16 at most$/],
  ] as const) {
    assert.match(problems(`name: f\n${text}`)[0] ?? '', reason);
  }
});

test('one secret may come as a variable and as a file, in either order', () => {
  for (const secrets of ['[PEM, { name: PEM, file: true }]', '[{ name: PEM, file: true }, PEM]']) {
    const manifest = parseManifestYaml(`name: f\nsecrets: ${secrets}`, 'function.yaml');
    assert.deepEqual(manifest.secrets.map(secretVariable).sort(), ['PEM', 'PEM_FILE']);
  }
  const manifest = parseManifestYaml('name: f\nsecrets: [pem, PEM]', 'function.yaml');
  assert.deepEqual(manifest.secrets.map(secretVariable), ['pem', 'PEM']);
  for (const [text, variable] of [
    ['secrets: [{ name: PEM, file: true }, { name: PEM, file: true }]', 'PEM_FILE'],
    ['environment: { PEM_FILE: x }\nsecrets: ["", { name: PEM, file: true }]'.replace('"", ', 'OTHER, '), 'PEM_FILE'],
  ] as const) {
    assert.match(problems(`name: f\n${text}`)[0] ?? '', new RegExp(`"secrets\\.1" is .* sets ${variable}, too$`));
  }
  assert.match(problems('name: f\nsecrets: [DCF_WORKERS]')[0] ?? '', /another name, as the platform sets this variable$/);
});

test('environment: what no process could be started with is refused with the variable and the limit', () => {
  const read = (environment: Record<string, string>) => parseManifestJson(JSON.stringify({ name: 'f', environment }));
  const refusal = (environment: Record<string, string>, message: RegExp): void => {
    assert.throws(() => read(environment), { code: 'INVALID_ARGUMENT', message });
  };
  const fits = 128 * 1024 - 'BIG='.length - 1;
  assert.equal(read({ BIG: 'x'.repeat(fits) }).environment['BIG']?.length, fits);
  refusal(
    { BIG: 'x'.repeat(fits + 1) },
    /^manifest: "environment\.BIG" is "x{50,}…; allowed: up to 128 KiB with its name, the limit of Linux/,
  );
  refusal({ BIG: 'ü'.repeat(70_000) }, /it has 136\.7 KiB; put long texts into a resource$/);
  const many = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`V${index}`, 'x'.repeat(110_000)]));
  refusal(many, /^manifest: "environment" is .*; allowed: up to 512 KiB in all, and they have 537\.\d KiB; put long texts into resources$/);
  refusal({ A: 'a\0b' }, /"environment\.A" is .*; allowed: a text without NUL characters/);
  refusal({ A: '\ud800' }, /well-formed Unicode; the text has half of a surrogate pair$/);
  refusal({ 'A=B': 'x' }, /environment\.A=B/);
  refusal({ '': 'x' }, /a name of letters, digits and _/);
  refusal({ DCF_WORKERS: '5' }, /another name, as the platform sets this variable$/);
});

test('resources: what is fetched is fetched over https, and has a digest', () => {
  const digest = 'a'.repeat(64);
  const manifest = parseManifestYaml(`name: f\nresources: { m: { source: https://host/m?x=1, sha256: ${digest} } }`, 'function.yaml');
  assert.deepEqual(manifest.resources, { m: { source: 'https://host/m?x=1', sha256: digest, unpack: false } });
  const cases: [string, RegExp][] = [
    [
      'https://host/m',
      /^function\.yaml:3: "resources\.m" is "https:\/\/host\/m"; allowed: \{ source: https:\/\/…, sha256: … \}: a download/,
    ],
    ['{ source: HTTPS://host/m }', /^function\.yaml:3: "resources\.m" is .*a download needs its sha256/],
    [`{ source: http://host/m, sha256: ${digest} }`, /^function\.yaml:3: .*an https:\/\/ address with its sha256$/],
    ['ftp://host/m', /or an https:\/\/ address with its sha256$/],
    [`{ source: "https://", sha256: ${digest} }`, /or an https:\/\/ address with its sha256$/],
    [`{ source: https://user:word@host/m, sha256: ${digest} }`, /without a user or password: a manifest must not hold secrets$/],
    [`{ source: https://host/m, sha256: ${digest.toUpperCase()} }`, /64 lower-case hexadecimal digits/],
  ];
  for (const [given, reason] of cases) assert.match(problems(`name: f\nresources:\n  m: ${given}`)[0] ?? '', reason);
});

test('no mapping, no YAML, no end', () => {
  for (const [text, found] of [
    ['', 'it is empty'],
    ['# nothing yet\n', 'it is empty'],
    ['just text', 'it is "just text"'],
    ['- a\n- b', 'it is a list'],
    ['42', 'it is 42'],
  ] as const) {
    assert.equal(problems(text)[0], `function.yaml: ${found}; a manifest is a mapping of keys to values, of which only "name" is required`);
  }
  assert.match(problems('name: [')[0] ?? '', /^function\.yaml:\d+:\d+: not valid YAML: /);
  assert.match(problems('name: f\nname: g')[0] ?? '', /^function\.yaml:2:\d+: not valid YAML: /);
  const bomb = 'abcdefgh'
    .split('')
    .map((key, index, keys) => `${key}: &${key} [${`${index === 0 ? 'x' : `*${keys[index - 1]}`},`.repeat(9)}]`);
  assert.match(problems(bomb.join('\n'))[0] ?? '', /alias/i);
});

test('--set comes before the checks, and may make keys', () => {
  const manifest = parseManifestYaml('name: f\nthreads: 0', 'function.yaml', [
    { path: ['threads'], value: 2 },
    { path: ['parameters', 'invert'], value: false },
  ]);
  assert.equal(manifest.threads, 2);
  assert.deepEqual(manifest.parameters, { invert: false });
  assert.deepEqual(manifest.given, { name: 'f', threads: 2, parameters: { invert: false } });
  assert.throws(() => parseManifestYaml('name: f', 'function.yaml', [{ path: ['name', 'x'], value: 1 }]), {
    code: 'INVALID_ARGUMENT',
    message: /^--set name\.x: "name" is "f"; allowed: only a mapping or a list can have keys below it$/,
  });
  assert.throws(() => parseManifestYaml('name: f\nreplicas: { min: 3 }', 'function.yaml', [{ path: ['replicas', 'max'], value: 2 }]), {
    message: '--set replicas.max: "replicas.max" is 2; allowed: at least replicas.min, which is 3',
  });
  assert.throws(() => parseManifestYaml('name: f', 'function.yaml', [{ path: ['replica', 'max'], value: 2 }]), {
    message: /^--set replica\.max: unknown key "replica" \(did you mean "replicas"\?\); allowed here: name, /,
  });
});

test('what a package carries gives the same manifest again', () => {
  const text =
    'name: f\nhandler: a.ts#B\ntimeout: 1.5s\nlimits: { memory: 512MiB }\nresources: { model: { source: ./m.onnx, unpack: true } }';
  const manifest = parseManifestYaml(text, 'function.yaml');
  assert.deepEqual(parseManifestJson(JSON.stringify(manifest.given)), manifest);
  for (const [json, message] of [
    ['{', /^the manifest is not valid JSON: /],
    ['[]', /^manifest: it is a list; a manifest is a mapping/],
    ['{"name":"f","colour":1}', /^manifest: unknown key "colour"; allowed here: name, /],
    ['{"__proto__":{"x":1},"name":"f"}', /^manifest: unknown key "__proto__"/],
    [
      '{"name":"f","parameters":{"a":[{"__proto__":1}]}}',
      /^manifest: "parameters\.a\.0\.__proto__" is not allowed as a key; allowed: another name$/,
    ],
    [`{"name":"f","parameters":{"a":${'['.repeat(9000)}${']'.repeat(9000)}}}`, /is nested too deeply; allowed: 100 levels$/],
  ] as const) {
    assert.throws(() => parseManifestJson(json), { code: 'INVALID_ARGUMENT', message });
  }
});

test('whatever is given: a manifest, or INVALID_ARGUMENT with words', () => {
  const check = (parse: () => unknown): void => {
    try {
      parse();
    } catch (error) {
      assert.ok(DcfError.is(error) && error.code === 'INVALID_ARGUMENT' && error.message !== '', String(error));
    }
  };
  const keys = ['name', 'handler', 'replicas', 'batch', 'limits', 'resources', 'parameters', 'providers', 'timeout', 'secrets'];
  const almost = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue());
  fc.assert(
    fc.property(fc.oneof(almost, fc.jsonValue()), (value) => check(() => parseManifestJson(JSON.stringify(value)))),
    { numRuns: 200 },
  );
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter }), (text) => check(() => parseManifestYaml(text, 'function.yaml'))),
    { numRuns: 200 },
  );
});

test("the editor's schema names every key, and asks for the name alone", () => {
  const schema = manifestJsonSchema();
  assert.ok('properties' in schema && typeof schema.properties === 'object' && schema.properties !== null && 'required' in schema);
  assert.deepEqual(schema.required, ['name']);
  const { given, ...manifest } = parseManifestJson('{"name":"f"}');
  assert.deepEqual(given, { name: 'f' });
  assert.deepEqual(Object.keys(schema.properties).sort(), Object.keys(manifest).sort());
});

test('what a worker is told has to fit its header: parameters and resources have a limit', () => {
  const withParameters = (length: number): string => JSON.stringify({ name: 'f', parameters: { p: 'x'.repeat(length) } });
  assert.ok(parseManifestJson(withParameters(32_000)));
  assert.throws(
    () => parseManifestJson(withParameters(33_000)),
    /"parameters" is .*; allowed: at most 32 KiB as JSON; put more into a resource/,
  );
  const resources = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`r${index}`, './file']));
  assert.throws(
    () => parseManifestJson(JSON.stringify({ name: 'f', resources })),
    /"resources" is .*; allowed: 32 at most; a folder counts as one/,
  );
});

test('labels and annotations are few and small, and their keys are like those of others', () => {
  const labels = { 'example.com/owner': 'ada', tier: '' };
  assert.deepEqual(parseManifestJson(JSON.stringify({ name: 'a', labels })).labels, labels);
  for (const wrong of [{ '': 'x' }, { 'two words': 'x' }, { tier: 1 }, { tier: 'x'.repeat(16 * 1024) }]) {
    assert.throws(() => parseManifestJson(JSON.stringify({ name: 'a', annotations: wrong })), /annotations/);
  }
});
