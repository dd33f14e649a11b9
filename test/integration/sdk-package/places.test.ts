import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { packFunction } from '@dcf/sdk/package';
import { evaluate } from '../../support/sdk-package/evaluate.js';
import { madeText, pathsOf, sampleFolder, smallest } from '../../support/sdk-package/sample-folder.js';

const labels = '["cat","dog"]';

test('a nested module finds what lies beside it, however it asks for its place', async (t) => {
  for (const [path, source] of [
    [
      'lib/a b#.ts',
      "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync(new URL('./labels.json', import.meta.url), 'utf8');\n",
    ],
    [
      'lib/in.ts',
      "import { readFileSync } from 'node:fs';\nimport { join } from 'node:path';\nexport const read = () => readFileSync(join(import.meta.dirname, 'labels.json'), 'utf8');\n",
    ],
    [
      'lib/in.mts',
      "import { readFileSync } from 'node:fs';\nconst { url } = import.meta;\nexport const read = () => readFileSync(new URL('labels.json', url), 'utf8');\n",
    ],
    [
      'lib/in.js',
      "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);\nexport const read = () => JSON.stringify(require('./labels.json'));\n",
    ],
    [
      'lib/in.mjs',
      "import { readFileSync } from 'node:fs';\nexport const read = () => readFileSync(new URL(import.meta.resolve('./labels.json')), 'utf8');\n",
    ],
    [
      'lib/in.cts',
      "import { readFileSync } from 'node:fs';\nimport { basename } from 'node:path';\nexport const read = () => basename(__dirname) === 'lib' ? readFileSync(__dirname + '/labels.json', 'utf8') : __filename;\n",
    ],
    [
      'lib/in.cjs',
      "const { readFileSync } = require('node:fs');\nexports.read = () => readFileSync(require.resolve('./labels.json'), 'utf8');\n",
    ],
  ] as const) {
    const folder = await sampleFolder(t, {
      ...smallest,
      'lib/labels.json': labels,
      [path]: source,
      'handler.ts': `import { read } from './${path.replace(/ts$/, (end) => end)}';\nexport class Handler { call() { return read(); } }\n`,
    });
    assert.equal(await evaluate(await sampleFolder(t, {}), await packFunction(folder), 'new m.Handler().call()'), labels, path);
  }
});

test('a handler in a folder keeps its place, and so does its stack', async (t) => {
  const folder = await sampleFolder(t, {
    'function.yaml': 'name: sample\nhandler: src/main.ts\n',
    'src/labels.json': labels,
    'src/main.ts': `type Unused = {
  a: string;
};

/* a comment
   of two lines */
export class Handler {
  call(): string {
    return String(new Error(import.meta.dirname).stack);
  }
}
`,
  });
  const stack = await evaluate(await sampleFolder(t, {}), await packFunction(folder), 'new m.Handler().call()');
  assert.match(stack, /^Error: .*\/src\n/);
  assert.match(stack, /Handler\.call \(.*src\/main\.ts:9:19\)/);
});

test('the settings of tsconfig.json hold in modules that ask for their place', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'tsconfig.json': '{ "compilerOptions": { "experimentalDecorators": true } }',
    'handler.ts': `function shout(_: unknown, __: string, descriptor: PropertyDescriptor) { const own = descriptor.value; descriptor.value = () => own() + '!'; }
export class Handler { @shout call() { return import.meta.url.slice(-11); } }
`,
  });
  assert.equal(await evaluate(await sampleFolder(t, {}), await packFunction(folder), 'new m.Handler().call()'), 'handler.mjs!');
});

test('the same folder gives the same bytes, and one without such modules no more than before', async (t) => {
  const source = "import './lib/b.js';\nimport './lib/a.js';\nexport class Handler { x = import.meta.url; }\n";
  const files = {
    ...smallest,
    'handler.ts': source,
    'lib/a.ts': 'export const a = import.meta.url;\nconsole.log(a);\n',
    'lib/b.ts': 'console.log(import.meta.url);\n',
  };
  const made = await Promise.all([1, 2, 3].map(async () => madeText(await packFunction(await sampleFolder(t, files)), 'handler.mjs')));
  assert.equal(new Set(made).size, 1);
  const plain = await packFunction(await sampleFolder(t, smallest));
  assert.doesNotMatch(madeText(plain, 'handler.mjs'), /__dcfPlace/);
});

test('TypeScript that a module starts is bundled beside its source, JavaScript stays as it is unless it needs to be', async (t) => {
  const folder = await sampleFolder(t, {
    ...smallest,
    'handler.ts': `import { fork } from 'node:child_process';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
// new Worker('./commented.ts')
export class Handler {
  call() {
    new Worker(new URL('./lib/typed.ts', import.meta.url));
    new Worker(\`\${import.meta.dirname}/lib/template.js\`);
    fork(join(import.meta.dirname, 'lib', 'joined.js'));
    new Worker('./plain.js');
    new Worker('./mixed.js');
    new Worker(new URL('./nowhere.js', import.meta.url));
    return import('./imported.js');
  }
}
`,
    'commented.ts': '',
    'imported.ts': 'export const imported = 1;\n',
    'lib/typed.ts':
      "import { Worker } from 'node:worker_threads';\nimport './shared.js';\nnew Worker(new URL('./inner.ts', import.meta.url));\n",
    'lib/inner.ts': 'const one: number = 1;\nconsole.log(one);\n',
    'lib/shared.ts': 'export const shared = 1;\nconsole.log(shared);\n',
    'lib/template.ts': 'export {};\n',
    'plain.js': "console.log('plain');\n",
    'mixed.js': "import { shared } from './lib/shared.ts';\nconsole.log(shared);\n",
  });
  const packed = await packFunction(folder);
  const bundle = madeText(packed, 'handler.mjs');
  for (const name of ['./lib/typed.ts.mjs', '/lib/template.ts.mjs', './plain.js', './mixed.js.mjs', './nowhere.js']) {
    assert.ok(bundle.includes(`${name}"`) || bundle.includes(`${name}\``), name);
  }
  assert.deepEqual(
    packed.files.map(({ path }) => path).filter((path) => path.endsWith('.mjs')),
    ['handler.mjs', 'lib/inner.ts.mjs', 'lib/template.ts.mjs', 'lib/typed.ts.mjs', 'mixed.js.mjs'],
  );
  assert.ok(madeText(packed, 'lib/typed.ts.mjs').includes('./inner.ts.mjs'));
  assert.ok(!(await pathsOf(folder)).includes('lib/typed.ts'), 'its source is in the bundle');
  await writeFile(join(folder, 'lib/inner.ts'), 'const = 1;\n');
  await assert.rejects(packFunction(folder), /lib\/inner\.ts:1:7: Expected identifier/);
});
