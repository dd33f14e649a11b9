import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf, finish, start } from './command-line.js';

const functions = fileURLToPath(new URL('../../../../functions', import.meta.url));

const handler = `import { statSync } from 'node:fs';
import type { Context, Request } from '@dcf/sdk';

export class Handler {
  constructor(private readonly context: Context) {
    if (context.parameters['fail'] === true) throw new Error('no weights');
  }
  async call(request: Request) {
    this.context.logger.info('called with', request.text());
    switch (request.text()) {
      case 'throw':
        throw new TypeError('boom');
      case 'exit':
        process.exit(3);
      case 'wait':
        await new Promise(() => setTimeout(() => undefined, 1e9));
        return 'never';
      case 'size':
        return String(statSync(this.context.resources['big'] ?? '').size);
      case 'large':
        return new Uint8Array(5_000_000).fill(65);
      default:
        return request.input;
    }
  }
}
`;

/** A function's folder, and a folder for temporary files that must be empty in the end. */
async function sample(t: TestContext): Promise<{ folder: string; temporary: string; env: Record<string, string> }> {
  const home = await temporaryDirectory(t);
  const [folder, temporary] = [join(home, 'function'), join(home, 'tmp')];
  await mkdir(folder);
  await mkdir(temporary);
  await writeFile(join(folder, 'function.yaml'), 'name: sample\nproviders: [cpu]\nresources: { big: ./big.bin }\n');
  await writeFile(join(folder, 'handler.ts'), handler);
  await writeFile(join(folder, 'big.bin'), Buffer.alloc(3_000_000));
  return { folder, temporary, env: { TMPDIR: temporary } };
}

test('bytes in, the same bytes out, and nothing else on stdout', { timeout: 300_000 }, async (t) => {
  const { folder, temporary, env } = await sample(t);
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const viaStdin = await dcf(['run', folder, '--input', '-', '-v'], { env, input: bytes });
  assert.equal(viaStdin.code, 0, viaStdin.stderr);
  assert.deepEqual(new Uint8Array(viaStdin.output), bytes);
  assert.match(viaStdin.stderr, /^init .* ms, run .* ms/m);
  assert.match(viaStdin.stderr, /^info +called with/m);
  await writeFile(join(folder, 'input.bin'), bytes);
  const viaFile = await dcf(['run', '--input', 'input.bin'], { env, cwd: folder });
  assert.deepEqual(new Uint8Array(viaFile.output), bytes);
  assert.deepEqual(await readdir(temporary), []);
});

test('an output larger than a pipe arrives whole', { timeout: 300_000 }, async (t) => {
  const { folder, env } = await sample(t);
  const { code, output } = await dcf(['run', folder, '--data', 'large'], { env });
  assert.deepEqual([code, output.length], [0, 5_000_000]);
});

test('a reader that has enough ends it silently, and the temporary folder goes all the same', { timeout: 300_000 }, async (t) => {
  const { folder, temporary, env } = await sample(t);
  const child = start(['run', folder, '--data', 'large'], { env });
  child.stdout.once('data', () => child.stdout.destroy());
  const errors: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  assert.doesNotMatch(Buffer.concat(errors).toString(), /EPIPE|\n\s+at /);
  assert.deepEqual(await readdir(temporary), []);
});

test('resources are in reach, large ones too', { timeout: 300_000 }, async (t) => {
  const { folder, env } = await sample(t);
  assert.equal((await dcf(['run', folder, '--data', 'size'], { env })).stdout, '3000000');
});

test("a Handler that throws, exits or cannot be built: exit code 1, its own stack with the user's own file", {
  timeout: 300_000,
}, async (t) => {
  const { folder, temporary, env } = await sample(t);
  const thrown = await dcf(['run', folder, '--data', 'throw'], { env });
  assert.deepEqual([thrown.code, thrown.stdout], [1, '']);
  assert.match(thrown.stderr, /^dcf: sample: UNKNOWN: boom$/m);
  assert.ok(thrown.stderr.includes(`${folder}/handler.ts:12:15`), thrown.stderr);
  const exited = await dcf(['run', folder, '--data', 'exit'], { env });
  assert.equal(exited.code, 1);
  assert.match(exited.stderr, /^dcf: sample: INTERNAL: .*code 3/m);
  const failed = await dcf(['run', folder, '--set', 'parameters.fail=true'], { env });
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /^dcf: sample: FAILED_PRECONDITION: .*no weights/m);
  assert.ok(failed.stderr.includes(`${folder}/handler.ts:6:`), failed.stderr);
  assert.deepEqual(await readdir(temporary), []);
});

test('Ctrl-C gives the call up: exit code 130, nothing left behind', { timeout: 300_000 }, async (t) => {
  const { folder, temporary, env } = await sample(t);
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const child = start(['run', folder, '--data', 'wait'], { env });
    const finished = finish(child);
    child.stderr.on('data', (chunk: Buffer) => {
      if (chunk.includes('called with')) child.kill(signal);
    });
    assert.deepEqual([(await finished).code, await readdir(temporary)], [code, []]);
    assert.match((await finished).stderr, /^dcf: cancelled$/m);
  }
});

test("the user's own node_modules are in reach", { timeout: 300_000 }, async (t) => {
  const { folder, env } = await sample(t);
  await writeFile(join(folder, 'package.json'), '{"type":"module","dependencies":{"mine":"1.0.0"}}');
  await writeFile(join(folder, 'package-lock.json'), '{}');
  await mkdir(join(folder, 'node_modules/mine'), { recursive: true });
  await writeFile(join(folder, 'node_modules/mine/index.js'), "module.exports = 'from my package';");
  await writeFile(join(folder, 'handler.ts'), "import mine from 'mine';\nexport class Handler { call() { return mine; } }\n");
  const { stdout, stderr } = await dcf(['run', folder], { env });
  assert.equal(stdout, 'from my package', stderr);
});

test('what only a daemon can do is refused before anything runs', { timeout: 300_000 }, async (t) => {
  const { folder, temporary, env } = await sample(t);
  for (const [resource, reason] of [
    [`{ source: https://host.example/big.bin, sha256: ${'a'.repeat(64)} }`, /resources\.big is fetched by the daemon/],
    ['{ source: big.bin, unpack: true }', /resources\.big is unpacked by the daemon/],
  ] as const) {
    await writeFile(join(folder, 'function.yaml'), `name: sample\nresources: { big: ${resource} }\n`);
    const { code, stderr } = await dcf(['run', folder], { env });
    assert.equal(code, 1);
    assert.match(stderr, reason);
  }
  assert.deepEqual(await readdir(temporary), []);
});

test('a folder that cannot be packed', { timeout: 300_000 }, async (t) => {
  const { folder, env } = await sample(t);
  await symlink('/etc', join(folder, 'link'));
  const { code, stderr } = await dcf(['run', folder], { env });
  assert.equal(code, 1);
  assert.match(stderr, /^dcf: .*link is a symbolic link/m);
});

test('the sample functions run as they stand', { timeout: 300_000 }, async () => {
  const echo = await dcf(['run', join(functions, 'echo'), '--input', join(functions, 'echo/examples/hello.txt')]);
  assert.equal(echo.stdout, 'Hello, DCF.\n', echo.stderr);
  const json = await dcf(['run', join(functions, 'json'), '--input', join(functions, 'json/examples/order.json')]);
  assert.deepEqual(JSON.parse(json.stdout).items[1], { name: 'crayon', price: 1.2 });
  const bad = await dcf(['run', join(functions, 'json'), '--data', '{']);
  assert.deepEqual([bad.code, /^dcf: json: INVALID_ARGUMENT/m.test(bad.stderr)], [1, true], bad.stderr);
  const size = join(functions, 'image-size');
  const flag = await dcf(['run', size, '--input', join(size, 'examples/flag.base64')]);
  assert.equal(flag.stdout, '{"width":8,"height":5,"format":"png"}', flag.stderr);
  for (const [data, reason] of [
    ['%', /not base64 text/],
    ['aGVsbG8=', /not a picture/],
    ['', /empty/],
  ] as const) {
    const refused = await dcf(['run', size, '--data', data]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, new RegExp(`INVALID_ARGUMENT: .*${reason.source}`));
  }
  const limited = await dcf(['run', size, '--set', 'parameters.maximumPixels=39', '--input', join(size, 'examples/flag.base64')]);
  assert.match(limited.stderr, /8 x 5 pixels: up to 39 are allowed/);
});
