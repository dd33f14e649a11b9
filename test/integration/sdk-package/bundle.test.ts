import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { packFunction } from '@dcf/sdk/package';
import { evaluate } from '../../support/sdk-package/evaluate.js';
import { madeText, pathsOf, refused, sampleFolder, smallest } from '../../support/sdk-package/sample-folder.js';

const run = promisify(execFile);

test('every kind of source file, with what it imports; TypeScript that was bundled in is not sent', async (t) => {
  for (const extension of ['ts', 'mts', 'tsx', 'js', 'mjs']) {
    const folder = await sampleFolder(t, {
      'function.yaml': `name: sample\nhandler: src/main.${extension}#Greeter\n`,
      [`src/main.${extension}`]: "import { word } from './lib/word.js';\nexport class Greeter { call() { return word; } }\n",
      'src/lib/word.ts': "export const word: string = 'hello';\n",
      'src/unused.ts': 'export const x = 1;\n',
    });
    // Only from TypeScript does './word.js' mean './word.ts'.
    if (extension.includes('j')) await writeFile(join(folder, 'src/lib/word.js'), "export const word = 'hello';\n");
    const packed = await packFunction(folder);
    assert.equal(packed.manifest.given['handler'], 'handler.mjs#Greeter');
    const paths = packed.files.map((file) => file.path);
    assert.ok(paths.includes('src/unused.ts'), 'what was not bundled in is sent');
    if (!extension.includes('j')) assert.ok(!paths.includes('src/lib/word.ts') && !paths.includes(`src/main.${extension}`), paths.join());
    assert.equal(await evaluate(await sampleFolder(t, {}), packed, 'new m.Greeter().call()'), 'hello');
  }
});

test('a CommonJS handler, and CommonJS that calls require and __dirname', async (t) => {
  const folder = await sampleFolder(t, {
    'function.yaml': 'name: sample\nhandler: handler.cjs\n',
    'handler.cjs': "const lib = require('./lib.cjs');\nexports.Handler = class Handler { call() { return lib(); } };\n",
    'lib.cjs': "const name = 'node:path';\nmodule.exports = () => require(name).basename(__dirname) + typeof __filename;\n",
  });
  const target = join(await sampleFolder(t, {}), 'revision');
  await mkdir(target);
  assert.equal(await evaluate(target, await packFunction(folder), 'new m.default.Handler().call()'), 'revisionstring');
});

test("a handler's own require, __dirname and __filename do not clash with the platform's", async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'handler.ts': `import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
const require = createRequire(import.meta.url);
const __filename = fileURLToPath(import.meta.url);
const __dirname = dirname(__filename);
export class Handler { call() { return require('node:path').relative(__dirname, __filename); } }
`,
  });
  assert.equal(await evaluate(await sampleFolder(t, {}), await packFunction(folder), 'new m.Handler().call()'), 'handler.mjs');
});

test("a stack shows the user's own file and line", async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'handler.ts': "type Unused = {\n  a: string;\n};\n\nexport class Handler {\n  call(): never {\n    throw new Error('here');\n  }\n}\n",
  });
  const stack = await evaluate(
    await sampleFolder(t, {}),
    await packFunction(folder),
    '(() => { try { new m.Handler().call() } catch (error) { return error.stack } })()',
  );
  assert.match(stack, /Handler\.call \(.*handler\.ts:7:11\)/);
});

test("the platform's packages and named dependencies stay outside, anything else goes in", async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'package.json': JSON.stringify({ dependencies: { declared: '1.0.0' }, optionalDependencies: { '@scope/optional': '1.0.0' } }),
    'package-lock.json': '{}',
    '.dcfignore': '*.json\n',
    'node_modules/undeclared/index.js': "module.exports = 'was bundled in';",
    'node_modules/declared/index.js': "module.exports = 'must not be bundled in';",
    'handler.ts': `import { DcfError } from '@dcf/sdk';
import { DcfError as same } from '@dcf/sdk/errors';
import { Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import declared from 'declared';
import sub from 'declared/sub.js';
import optional from '@scope/optional';
import undeclared from 'undeclared';
import { readFileSync } from 'node:fs';
import path from 'path';
export class Handler { call() { return [DcfError, same, Tensor, sharp, declared, sub, optional, undeclared, readFileSync, path]; } }
`,
  });
  const packed = await packFunction(folder);
  const bundle = madeText(packed, 'handler.mjs');
  assert.ok(bundle.includes('was bundled in') && !bundle.includes('must not be bundled in'));
  for (const name of ['@dcf/sdk', '@dcf/sdk/errors', 'onnxruntime-node', 'sharp', 'declared', 'declared/sub.js', '@scope/optional']) {
    assert.ok(bundle.includes(`from "${name}"`), name);
  }
  assert.deepEqual(
    packed.files.map((file) => file.path),
    ['function.yaml', 'handler.mjs', 'handler.mjs.map', 'package-lock.json', 'package.json'],
  );
});

test('package.json: dependencies without a lock file, no JSON, none to install', async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'package.json': '{"dependencies":{"a":"1","b":"1"}}' });
  await refused(folder, /package\.json names dependencies \(a, b\)/, /npm install --package-lock-only/);
  await writeFile(join(folder, 'npm-shrinkwrap.json'), '{}');
  assert.ok((await pathsOf(folder)).includes('npm-shrinkwrap.json'));
  await writeFile(join(folder, 'package.json'), '{"dependencies":');
  await refused(folder, /package\.json is not valid JSON/);
  await writeFile(join(folder, 'package.json'), '[]');
  await refused(folder, /package\.json is not a JSON object/);
  await writeFile(join(folder, 'package.json'), '{"type":"module","devDependencies":{"a":"1"}}');
  assert.ok((await pathsOf(folder)).includes('package.json'));
});

test('a syntax error: file, line, column and the line itself', async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'handler.ts': 'export class Handler {\n\t// ü\n\tcall() { return "é" + + ; }\n}\n' });
  await refused(folder, /handler\.ts:3:26: Unexpected ";"/, /^ {2}3 \| \tcall\(\) \{ return "é" \+ \+ ; \}$/m, /^ {4}\| \t {24}\^$/m);
});

test('imports that lead nowhere', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'lib/a.ts': "import './nothing.js';\n",
    'handler.ts': "import './lib/a.js';\nimport x from '@scope/name/sub';\nexport class Handler { x = x; }\n",
    'binary.node': '',
  });
  await refused(
    folder,
    /lib\/a\.ts:1:8: Could not resolve "\.\/nothing\.js": there is no such file/,
    /handler\.ts:2:15: Could not resolve "@scope\/name\/sub": the package is not installed; run: npm install @scope\/name/,
  );
  await writeFile(join(folder, 'handler.ts'), "import x from './binary.node';\nexport class Handler { x = x; }\n");
  await refused(folder, /handler\.ts:1:15: No loader is configured .*: if it belongs to a package, name that package in package\.json/);
});

test('exports: missing, another one, a type only, none', async (t) => {
  const folder = await sampleFolder(t, smallest);
  const cases: [string, RegExp][] = [
    [
      'export class Other {}\nexport const x = 1;\n',
      /handler\.ts has no export "Handler" \(it exports Other, x\); write: export class Handler/,
    ],
    ['export type Handler = string;\n', /it exports nothing/],
    ['class Handler {}\n', /it exports nothing/],
    ['', /it exports nothing/],
  ];
  for (const [source, reason] of cases) {
    await writeFile(join(folder, 'handler.ts'), source);
    await refused(folder, reason);
  }
  await writeFile(join(folder, 'handler.ts'), "export * from './other.js';\n");
  await writeFile(join(folder, 'other.ts'), 'export class Handler {}\n');
  assert.ok((await pathsOf(folder)).includes('handler.mjs'));
  await writeFile(join(folder, 'function.yaml'), 'name: sample\nhandler: handler.ts#Nope\n');
  await refused(folder, /no export "Nope" \(it exports Handler\)/);
  await writeFile(join(folder, 'handler.ts'), 'export default class Other {}\n');
  await refused(folder, /no export "Nope" \(it exports default\)/);
});

test('exports of CommonJS: what is certain is refused, what only running it could tell is not', async (t) => {
  const folder = await sampleFolder(t, { 'function.yaml': 'name: sample\nhandler: handler.cjs\n' });
  for (const [source, reason] of [
    ['exports.Other = class {};\n', /handler\.cjs has no export "Handler" \(it exports Other\); write/],
    ['class Handler {}\nmodule.exports = { Other: Handler, third: 1 };\n', /it exports Other, third/],
    ['Object.defineProperty(exports, "__esModule", { value: true });\nclass Handler {}\n', /it exports nothing/],
    ['// module.exports = class Handler {}\n', /it exports nothing/],
  ] as const) {
    await writeFile(join(folder, 'handler.cjs'), source);
    await refused(folder, reason);
  }
  for (const source of [
    'module.exports = class Handler {};\n',
    'module.exports = { Handler: class {} };\n',
    'exports.default = class {};\n',
    'module.exports = require("./made.js")();\n',
    'Object.assign(exports, { Handler: class {} });\n',
  ]) {
    await writeFile(join(folder, 'handler.cjs'), source);
    await writeFile(join(folder, 'made.js'), 'module.exports = () => ({ Handler: class {} });\n');
    assert.ok((await pathsOf(folder)).includes('handler.mjs'), source);
  }
});

test("a file with the bundle's own name", async (t) => {
  const folder = await sampleFolder(t, { ...smallest, 'handler.mjs': 'export const mine = 1;' });
  await refused(folder, /handler\.mjs has the name that the bundle of handler\.ts gets/);
  await writeFile(join(folder, '.dcfignore'), '/handler.mjs\n');
  assert.ok(!madeText(await packFunction(folder), 'handler.mjs').includes('mine'));
  const itself = await sampleFolder(t, {
    'function.yaml': 'name: sample\nhandler: handler.mjs\n',
    'handler.mjs': 'export class Handler {}',
    'handler.mjs.map': 'old',
  });
  assert.deepEqual(await pathsOf(itself), ['function.yaml', 'handler.mjs', 'handler.mjs.map']);
  assert.notEqual(madeText(await packFunction(itself), 'handler.mjs.map'), 'old');
});

test('a package that is linked into node_modules is bundled in by its real path', async (t) => {
  const elsewhere = await sampleFolder(t, {
    'index.js': "export const word = 'linked';",
    'package.json': '{"type":"module","main":"index.js"}',
  });
  const folder = await sampleFolder(t, {
    ...smallest,
    'handler.ts': "import { word } from 'neighbour';\nexport class Handler { call() { return word; } }\n",
  });
  await mkdir(join(folder, 'node_modules'));
  await symlink(elsewhere, join(folder, 'node_modules', 'neighbour'), 'dir');
  const packed = await packFunction(folder);
  assert.equal(await evaluate(await sampleFolder(t, {}), packed, 'new m.Handler().call()'), 'linked');
});

test('checking paths does not load esbuild', async () => {
  const index = createRequire(import.meta.url).resolve('@dcf/sdk/package');
  const script = `await import(${JSON.stringify(pathToFileURL(index).href)}); console.log(JSON.stringify(Object.keys((await import('node:module')).default._cache)))`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  assert.ok(!stdout.includes(`${sep}esbuild${sep}`), stdout);
});

test('package.json: what the platform provides needs no lock file, and is sent where there is one that may pin another version', async (t) => {
  const platform = { '@dcf/sdk': 'file:../dcf-sdk-0.1.0.tgz', 'onnxruntime-node': '1', sharp: '*' };
  const folder = await sampleFolder(t, { ...smallest, 'package.json': JSON.stringify({ dependencies: platform }), '.dcfignore': '*.json' });
  assert.deepEqual(await pathsOf(folder), ['function.yaml', 'handler.mjs', 'handler.mjs.map']);
  await writeFile(join(folder, 'package-lock.json'), '{}');
  assert.deepEqual((await pathsOf(folder)).slice(-2), ['package-lock.json', 'package.json']);
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ dependencies: { '@dcf/sdk': '*' }, devDependencies: { typescript: '5' } }),
  );
  assert.deepEqual(await pathsOf(folder), ['function.yaml', 'handler.mjs', 'handler.mjs.map']);
});
