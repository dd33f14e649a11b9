import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Context, DcfError, type Reply, type Request } from '@dcf/sdk';
import { type LoadOptions, loadFunction, type TestedFunction, type TestedHandler } from '@dcf/sdk/testing';
import { templateFiles } from '../../../src/cli/local/templates.js';
import { linkPlatformPackages } from '../../../src/process/platform-packages.js';
import { cleanUp, type Owner } from '../../support/cleanup.js';
import { writeFunction } from '../../support/functions.js';
import { refusal } from '../../support/refusal.js';

/** Loads it, and closes it with the test. */
async function load(owner: Owner, source: string | URL | TestedHandler, options?: LoadOptions): Promise<TestedFunction> {
  const tested = await loadFunction(source, options);
  cleanUp(owner, () => tested.close());
  return tested;
}

test('a folder: its parameters, resources, environment and assets, its stack, and nothing left behind', async (t) => {
  const folder = await writeFunction(
    t,
    {
      name: 'tested',
      parameters: { greeting: 'hello', mark: '!' },
      resources: { words: './data/words.txt' },
      environment: { DCF_TESTED: 'yes' },
    },
    {
      'data/words.txt': 'resource',
      'lib/asset.txt': 'asset',
      'lib/read.ts': `import { readFileSync } from 'node:fs';
export const read = (): string => readFileSync(new URL('./asset.txt', import.meta.url), 'utf8');
`,
      'handler.ts': `import { readFileSync } from 'node:fs';
import type { Context, Request } from '@dcf/sdk';
import { read } from './lib/read.js';
export class Handler {
  closed = false;
  constructor(private readonly context: Context) {}
  call(request: Request) {
    const { parameters, resources, logger } = this.context;
    logger.info('called with %s', request.text());
    if (request.text() === 'throw') throw new Error('of its own');
    return [parameters['greeting'], parameters['mark'], readFileSync(resources['words'] ?? '', 'utf8'), process.env['DCF_TESTED'], read()];
  }
}
`,
    },
  );
  const lines: string[] = [];
  const tested = await load(t, folder, { parameters: { greeting: 'hi' }, onLog: (level, text) => lines.push(`${level} ${text}`) });
  const answer = await tested.call('Ada');
  assert.deepEqual([answer.json(), answer.kind, answer.status], [['hi', '!', 'resource', 'yes', 'asset'], 'json', 200]);
  assert.deepEqual(lines, ['info called with Ada']);
  const error = await refusal(tested.call('throw'));
  assert.deepEqual([error.code, error.message], ['UNKNOWN', 'of its own']);
  assert.ok(error.cause instanceof Error);
  assert.match(String(error.cause.stack), /^Error: of its own\n.*Handler\.call/);
  await tested.close();
  await tested.close();
  assert.equal(process.env['DCF_TESTED'], undefined);
  assert.deepEqual((await readdir(folder)).sort(), ['data', 'function.yaml', 'handler.ts', 'lib']);
  assert.equal((await refusal(tested.call('Ada'))).code, 'FAILED_PRECONDITION');
});

test('a Handler that the test has imported itself: a class, an object, a function', async (t) => {
  class Handler {
    constructor(private readonly context: Context) {}
    call(request: Request): Reply {
      return `${this.context.parameters['a']} ${request.text()} ${request.metadata['b']} ${request.query.get('c')}`;
    }
  }
  const options = { parameters: { a: 1 } };
  const sent = { metadata: { b: '2' }, query: 'c=3' };
  assert.equal((await (await load(t, Handler, options)).call('x', sent)).text(), '1 x 2 3');
  assert.equal((await (await load(t, { call: (request: Request) => request.text() })).call('x')).text(), 'x');
  assert.deepEqual((await (await load(t, (request: Request) => request.input)).call(Buffer.from([1, 2]))).output, Buffer.from([1, 2]));
  const response = await (await load(t, () => new Response('gone', { status: 410, headers: { 'x-a': 'b' } }))).call();
  assert.deepEqual([response.text(), response.status], ['gone', 410]);
  assert.ok(response.headers.some(([name, value]) => name === 'x-a' && value === 'b'));
});

test('CommonJS has it, too, as it has the errors', async (t) => {
  const require = createRequire(import.meta.url);
  const common: { testing: typeof import('@dcf/sdk/testing'); errors: typeof import('@dcf/sdk/errors') } = {
    testing: require('@dcf/sdk/testing'),
    errors: require('@dcf/sdk/errors'),
  };
  assert.notEqual(common.errors.DcfError, DcfError);
  const tested = await common.testing.loadFunction((request: Request) => {
    if (request.text() === 'throw') throw new DcfError('NOT_FOUND', 'of the other copy');
    return request.input;
  });
  cleanUp(t, () => tested.close());
  assert.equal((await tested.call('Ada')).text(), 'Ada');
  await assert.rejects(tested.call('throw'), (error) => error instanceof common.errors.DcfError && error.code === 'NOT_FOUND');
});

test('errors are those of a caller', async (t) => {
  const calls: Record<string, (request: Request) => Reply | Promise<Reply>> = {
    chosen: () => {
      throw new DcfError('NOT_FOUND', 'no such user');
    },
    nan: () => ({ scores: [1, Number.NaN] }),
    wait: (request) =>
      new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })),
  };
  const tested = await load(t, (request: Request) => calls[request.text()]?.(request) ?? 'fine');
  const told = async (input: string, options = {}) => {
    const { code, message } = await refusal(tested.call(input, options));
    return `${code}: ${message}`;
  };
  assert.equal(await told('chosen'), 'NOT_FOUND: no such user');
  assert.match(await told('nan'), /^INTERNAL: reply\.scores\[1\] is NaN/);
  assert.match(await told('wait', { timeout: 10 }), /^DEADLINE_EXCEEDED: the deadline passed/);
  assert.equal(await told('wait', { signal: AbortSignal.abort() }), 'CANCELLED: the caller gave up');
  assert.match(await told('x'.repeat(64 * 2 ** 20 + 1)), /^RESOURCE_EXHAUSTED: the input has \d+ bytes; limits\.payload of tested/);
  assert.equal((await tested.call('other')).text(), 'fine', 'and it goes on');
});

test('at most concurrency calls at the same time, and batches together', async (t) => {
  const source = `export class Handler {
  running = 0;
  async call() { this.running += 1; await new Promise(setImmediate); const seen = this.running; this.running -= 1; return String(seen); }
  callBatch(requests) { return requests.map((request) => request.text() === 'bad' ? new Error('bad') : requests.length); }
}`;
  const single = await load(t, await writeFunction(t, { name: 'tested' }, { 'handler.ts': source }));
  const seen = await Promise.all([1, 2, 3].map(async () => (await single.call()).text()));
  assert.deepEqual(seen, ['1', '1', '1']);
  assert.deepEqual(
    (await single.callBatch(['a', 'b'])).map(({ status }) => status),
    ['fulfilled', 'fulfilled'],
  );
  const batched = await load(t, await writeFunction(t, { name: 'tested', batch: { maxSize: 4 } }, { 'handler.ts': source }));
  assert.equal((await batched.call('alone')).json(), 1);
  const [first, second, third] = await batched.callBatch(['a', 'bad', 'c']);
  assert.equal(first?.status === 'fulfilled' && first.value.json(), 3);
  assert.equal(second?.status === 'rejected' && second.reason.message, 'bad');
  assert.equal(third?.status, 'fulfilled');
});

test('streams: chunks both ways, held up by their reader, ended by their caller', async (t) => {
  let closed = 0;
  const upper = await load(t, async function* (request: Request) {
    try {
      for await (const chunk of request.chunks) yield Buffer.from(chunk).toString().toUpperCase();
    } finally {
      closed += 1;
    }
  });
  const chunks: string[] = [];
  for await (const chunk of upper.stream(['a', 'b', 'c'])) chunks.push(Buffer.from(chunk).toString());
  assert.deepEqual(chunks, ['A', 'B', 'C']);
  for await (const chunk of upper.stream('whole')) assert.equal(Buffer.from(chunk).toString(), 'WHOLE');
  assert.equal((await upper.call('joined')).text(), 'JOINED');
  let read = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      read += 1;
      yield new Uint8Array(64 * 1024).fill(97);
    }
  }
  let taken = 0;
  for await (const chunk of upper.stream(endless())) {
    taken += chunk.length;
    if (taken > 4 * 2 ** 20) break;
  }
  assert.ok(read < 100, `${read} chunks were read of an input that nobody wanted all of`);
  await upper.close();
  assert.equal(closed, 4);
  const failing = await load(t, function* () {
    yield 'one';
    throw new DcfError('ABORTED', 'half way');
  });
  const got: string[] = [];
  const error = await refusal(
    (async () => {
      for await (const chunk of failing.stream('')) got.push(Buffer.from(chunk).toString());
    })(),
  );
  assert.deepEqual([got, error.code, error.message], [['one'], 'ABORTED', 'half way']);
});

test('calls of other functions are answered by what the test gives', async (t) => {
  const tested = await load(
    t,
    async (request: Request) => Buffer.from(await request.call(request.text(), 'x', { metadata: { k: 'v' } })).toString(),
    {
      functions: {
        double: (input, { metadata }) => Buffer.concat([input, input, Buffer.from(metadata?.['k'] ?? '')]),
        broken: () => Promise.reject(new DcfError('DATA_LOSS', 'lost')),
      },
    },
  );
  assert.equal((await tested.call('double')).text(), 'xxv');
  const broken = await refusal(tested.call('broken'));
  assert.deepEqual([broken.code, broken.message], ['DATA_LOSS', 'broken: lost']);
  const missing = await refusal(tested.call('missing'));
  assert.deepEqual(
    [missing.code, missing.message],
    ['NOT_FOUND', 'missing: there is no function missing in this test; the option "functions" has: double, broken'],
  );
});

test('what cannot be loaded says why', async (t) => {
  const python = await writeFunction(t, { name: 'tested', runtime: 'python' }, { 'handler.py': 'def Handler(req): return b""\n' });
  assert.match((await refusal(loadFunction(python))).message, /is a function in Python: test it with dcf_worker\.testing/);
  const resources = { model: { source: 'https://models.example.com/a', sha256: 'a'.repeat(64) } };
  const remote = await writeFunction(t, { name: 'tested', resources }, { 'handler.ts': 'export const Handler = () => "x";\n' });
  assert.match((await refusal(loadFunction(remote))).message, /resources\.model is fetched by the daemon; give the path of a file/);
  const throwing = await writeFunction(
    t,
    { name: 'tested' },
    { 'handler.ts': 'export class Handler { constructor() { throw new Error("in vain"); } call() {} }\n' },
  );
  await assert.rejects(loadFunction(throwing), { message: 'in vain' });
  assert.deepEqual((await readdir(throwing)).sort(), ['function.yaml', 'handler.ts']);
});

test('the example of the documents, on the function that dcf init makes', async (t) => {
  const page = await readFile(join(import.meta.dirname, '../../../../docs/writing-functions-typescript.md'), 'utf8');
  const [, example = ''] = /## Test it\n.*?```js\n(.*?)```/s.exec(page) ?? [];
  const folder = await writeFunction(t, { name: 'hello' }, templateFiles('hello', 'node', 'hello').files);
  await linkPlatformPackages(folder);
  await writeFile(join(folder, 'hello.test.mjs'), example);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap', 'hello.test.mjs'], { cwd: folder, env });
  assert.match(stdout, /^# pass 1$/m);
  assert.ok(!(await readdir(join(folder, 'node_modules'))).includes('.dcf'));
});
