import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'node:test';
import type { Context, Request } from '@dcf/sdk';
import { packFunction } from '@dcf/sdk/package';
import { loadHandler } from '../../../src/runtimes/node/load-handler.js';
import { temporaryDirectory } from '../../support/cleanup.js';

const context: Context = {
  function: 'tested',
  revision: 'r1',
  parameters: { greeting: 'hello' },
  resources: {},
  logger: console,
  providers: [],
  devices: [],
  worker: 0,
  call: () => Promise.reject(new Error('there are no other functions')),
};

const request = { text: () => 'Ada' };

function isRequest(value: unknown): value is Request {
  return value === request;
}

const files = {
  named:
    'export class Handler { constructor(context) { this.context = context; } call(request) { return this.context.parameters.greeting + request.text(); } }',
  other: 'export class Other { call(request) { return "hello" + request.text(); } }',
  defaultClass: 'export default class Handler { call(request) { return "hello" + request.text(); } }',
  defaultOther: 'export default class Other { call(request) { return "hello" + request.text(); } }',
  defaultUnnamed: 'export default class { call(request) { return "hello" + request.text(); } }',
  defaultHolds: 'class Handler { call(request) { return "hello" + request.text(); } }\nexport default { Handler };',
  object:
    'export const Handler = { init(context) { this.greeting = context.parameters.greeting; }, call(request) { return this.greeting + request.text(); } };',
  defaultObject: 'export default { call(request) { return "hello" + request.text(); } };',
  plain: 'export function Handler(request, context) { return context.parameters.greeting + request.text(); }',
  arrow: 'export default async (request) => "hello" + request.text();',
  old: 'function Handler() {}\nHandler.prototype.call = function (request) { return "hello" + request.text(); };\nexport { Handler };',
  cjsClass: 'module.exports = class Handler { call(request) { return "hello" + request.text(); } };',
  cjsNamed: 'exports.Handler = class { call(request) { return "hello" + request.text(); } };',
  cjsHolds: 'class Handler { call(request) { return "hello" + request.text(); } }\nmodule.exports = { Handler };',
  cjsDefault: 'module.exports.default = class Handler { call(request) { return "hello" + request.text(); } };',
  cjsCompiled:
    '"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nclass Handler { call(request) { return "hello" + request.text(); } }\nexports.default = Handler;',
  cjsFunction: 'module.exports = (request) => "hello" + request.text();',
  cjsOther: 'class Other { call(request) { return "hello" + request.text(); } }\nmodule.exports = Other;',
  typed: 'class Handler { call(request: { text(): string }): string { return "hello" + request.text(); } }\nexport = Handler;',
};

/** Packs a handler's file as it is named, lays it out, and asks what its Handler answers. */
async function answer(folder: string, path: string, source: string, { name = '', type = '' } = {}): Promise<unknown> {
  const from = join(folder, 'from');
  await mkdir(from, { recursive: true });
  await writeFile(join(from, 'function.yaml'), `name: tested\nhandler: ${path}${name}\n`);
  await writeFile(join(from, path), source);
  if (type !== '') await writeFile(join(from, 'package.json'), `{"type":"${type}"}`);
  const { files, manifest } = await packFunction(from);
  const to = join(folder, 'to');
  for (const file of files) {
    await mkdir(dirname(join(to, file.path)), { recursive: true });
    if (file.source.kind === 'memory') await writeFile(join(to, file.path), file.source.bytes);
  }
  const handler = await loadHandler(to, manifest.handler, context);
  assert.ok(isRequest(request));
  return await handler.call(request);
}

const { cjsClass, cjsNamed, cjsHolds, cjsDefault, cjsCompiled, cjsFunction, cjsOther, typed, ...modules } = files;
const commonJs = { cjsClass, cjsNamed, cjsHolds, cjsDefault, cjsCompiled, cjsFunction, cjsOther };

/** What is called Other in these has to be asked for by that name, but as the default it is the Handler, too. */
const asked = (kind: string): string => (kind === 'other' ? '#Other' : '');

for (const [path, type] of [
  ['handler.ts', ''],
  ['handler.mts', ''],
  ['handler.js', ''],
  ['handler.js', 'module'],
  ['handler.mjs', ''],
] as const) {
  test(`whatever an ES module may export, ${path} ${type}`, async (t) => {
    for (const [kind, source] of Object.entries(modules)) {
      assert.equal(await answer(await temporaryDirectory(t), path, source, { name: asked(kind), type }), 'helloAda', kind);
    }
  });
}

for (const [path, type] of [
  ['handler.cjs', ''],
  ['handler.js', ''],
  ['handler.js', 'commonjs'],
  ['handler.cts', ''],
] as const) {
  test(`whatever CommonJS may export, ${path} ${type}`, async (t) => {
    for (const [kind, source] of Object.entries(commonJs)) {
      assert.equal(await answer(await temporaryDirectory(t), path, source, { type }), 'helloAda', kind);
    }
    assert.equal(await answer(await temporaryDirectory(t), path, files.cjsOther, { name: '#Other', type }), 'helloAda');
  });
}

test('a class that a handler names and that is the default, by its own name or within it', async (t) => {
  assert.equal(await answer(await temporaryDirectory(t), 'handler.cts', typed), 'helloAda');
  assert.equal(await answer(await temporaryDirectory(t), 'handler.cts', files.named), 'helloAda');
  assert.equal(await answer(await temporaryDirectory(t), 'handler.ts', files.defaultOther, { name: '#Other' }), 'helloAda');
  assert.equal(
    await answer(await temporaryDirectory(t), 'handler.ts', files.defaultHolds.replaceAll('Handler', 'Other'), { name: '#Other' }),
    'helloAda',
  );
});

test('what is no Handler is refused with what there is', async (t) => {
  for (const [source, message] of [
    [
      'export const Handler = 5;',
      /handler\.mjs exports Handler, but not as a class, a function or an object with call\(request\); it exports: Handler/,
    ],
    ['export default 5;', /handler\.mjs exports no Handler; it exports: default/],
    ['export class Handler {}', /the class Handler of handler\.mjs has no method call\(request\)/],
  ] as const) {
    await assert.rejects(answer(await temporaryDirectory(t), 'handler.ts', source), { code: 'FAILED_PRECONDITION', message });
  }
});
