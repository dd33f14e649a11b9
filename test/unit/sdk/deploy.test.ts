import assert from 'node:assert/strict';
import { getEventListeners, once } from 'node:events';
import { appendFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import type { ControlHandlers } from '@dcf/sdk/contract';
import type { DeployProgress } from '@dcf/sdk/control';
import { status } from '@grpc/grpc-js';
import { temporaryDirectory } from '../../support/cleanup.js';
import { refusal } from '../../support/refusal.js';
import { controlOf, packageOf, packedFile } from './control-server.js';

type DeployCall = Parameters<ControlHandlers['Deploy']>[0];

const deployed = { deployed: { function: 'digits', revision: '0123456789abcdef', changed: true } };

function bytesOf(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index, 2_654_435_761);
  return Buffer.from(words.buffer, 0, length);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(setImmediate);
}

function succeed(call: DeployCall): void {
  call.write(deployed);
  call.end();
}

/** A daemon's side that asks for every blob, reads them all and then goes on with `finish`. */
function askForAll(finish: (call: DeployCall, chunks: { sha256: string; data: Buffer }[]) => void): ControlHandlers['Deploy'] {
  return (call) => {
    const chunks: { sha256: string; data: Buffer }[] = [];
    call.on('data', ({ package: pkg, chunk }) => {
      if (pkg) call.write({ missing: { sha256: [...new Set<string>(pkg.files.map(({ sha256 }: { sha256: string }) => sha256))] } });
      if (chunk) chunks.push(chunk);
    });
    call.on('error', () => undefined);
    call.on('end', () => finish(call, chunks));
  };
}

test('a deploy: the package, the blobs that are missing, the events, the result', async (t) => {
  const path = join(await temporaryDirectory(t), 'model.onnx');
  const model = bytesOf(1024 * 1024 + 3);
  await writeFile(path, model);
  const files = [
    packedFile('handler.mjs', Buffer.from('export class Handler {}')),
    packedFile('empty.txt', Buffer.alloc(0)),
    packedFile('model.onnx', model, { kind: 'disk', path }),
    packedFile('known.txt', Buffer.from('the daemon has it')),
  ];
  const [handler, empty, weights] = files;
  assert.ok(handler && empty && weights);
  let sentPackage: unknown;
  const chunks: { sha256: string; data: Buffer }[] = [];
  const client = await controlOf(t, {
    Deploy: (call) => {
      call.on('data', ({ package: pkg, chunk }) => {
        if (pkg) {
          sentPackage = pkg;
          call.write({ step: { name: 'receive', done: false } });
          call.write({ missing: { sha256: [weights.sha256, empty.sha256, handler.sha256, weights.sha256] } });
        }
        if (chunk) chunks.push(chunk);
      });
      call.on('end', () => {
        call.write({ step: { name: 'receive', done: true, detail: '3 files' } });
        call.write({ output: 'added 3 packages' });
        call.write({ warning: 'no GPU here' });
        call.write(deployed);
        call.end();
      });
    },
  });
  const seen: DeployProgress[] = [];
  const result = await client.deploy(packageOf(...files), { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(result, deployed.deployed);
  assert.deepEqual(sentPackage, {
    manifest: '{"name":"digits","threads":2}',
    files: files.map(({ path, mode, size, sha256 }) => ({ path, mode, size, sha256 })),
  });
  const received = new Map(
    chunks.map(({ sha256 }) => [sha256, Buffer.concat(chunks.filter((one) => one.sha256 === sha256).map(({ data }) => data))]),
  );
  assert.deepEqual(
    [...received.keys()],
    [weights.sha256, empty.sha256, handler.sha256],
    'in the order asked for, each once; the empty one is told, too',
  );
  assert.ok(received.get(weights.sha256)?.equals(model));
  assert.equal(received.get(handler.sha256)?.toString(), 'export class Handler {}');
  assert.deepEqual(
    chunks.map(({ data }) => data.length),
    [262_144, 262_144, 262_144, 262_144, 3, 0, 23],
  );
  const total = model.length + 23;
  const uploads = seen.filter((progress) => progress.kind === 'upload');
  assert.deepEqual(uploads[0], { kind: 'upload', sent: 0, total });
  assert.deepEqual(uploads.at(-1), { kind: 'upload', sent: total, total });
  assert.deepEqual(
    seen.filter((progress) => progress.kind !== 'upload'),
    [
      { kind: 'step', name: 'receive', done: false, detail: '' },
      { kind: 'step', name: 'receive', done: true, detail: '3 files' },
      { kind: 'output', line: 'added 3 packages' },
      { kind: 'warning', text: 'no GPU here' },
    ],
  );
});

test('nothing is missing: the client half-closes at once', async (t) => {
  const client = await controlOf(t, {
    Deploy: (call) => {
      call.once('data', () => call.write({ missing: { sha256: [] } }));
      call.on('end', () => {
        call.write({ deployed: { ...deployed.deployed, changed: false } });
        call.end();
      });
    },
  });
  const seen: DeployProgress[] = [];
  const { changed } = await client.deploy(packageOf(packedFile('a', Buffer.from('a'))), { onProgress: (progress) => seen.push(progress) });
  assert.equal(changed, false);
  assert.deepEqual(seen, [{ kind: 'upload', sent: 0, total: 0 }]);
});

test('a daemon that reads slowly slows the client down', async (t) => {
  const megabyte = 1024 * 1024;
  const weights = packedFile('weights', bytesOf(32 * megabyte));
  let received = 0;
  const client = await controlOf(t, {
    Deploy: (call) => {
      call.on('data', ({ package: pkg, chunk }) => {
        if (pkg) call.write({ missing: { sha256: [weights.sha256] } });
        received += chunk?.data.length ?? 0;
        // Many turns of the event loop for each chunk: whoever does not wait is far ahead soon.
        call.pause();
        void turns(20).then(() => call.resume());
      });
      call.on('end', () => succeed(call));
    },
  });
  let furthestAhead = 0;
  await client.deploy(packageOf(weights), {
    onProgress: (progress) => {
      if (progress.kind === 'upload') furthestAhead = Math.max(furthestAhead, progress.sent - received);
    },
  });
  assert.equal(received, weights.size);
  assert.ok(furthestAhead < 16 * megabyte, `${furthestAhead / megabyte} MiB ahead`);
});

test("a failed start: the Handler's stack is the error's cause, and an event", async (t) => {
  const stack = "TypeError: Cannot read properties of undefined (reading 'dims')\n    at new Handler (handler.ts:12:9)";
  const client = await controlOf(t, {
    Deploy: askForAll((call) => {
      for (let line = 0; line < 50; line++) call.write({ output: `line ${line}` });
      call.write({ stack });
      call.emit('error', { code: status.FAILED_PRECONDITION, details: 'digits: the Handler could not be built' });
    }),
  });
  const seen: DeployProgress[] = [];
  const error = await refusal(
    client.deploy(packageOf(packedFile('a', Buffer.from('a'))), { onProgress: (progress) => seen.push(progress) }),
  );
  assert.deepEqual([error.code, error.message], ['FAILED_PRECONDITION', 'digits: the Handler could not be built']);
  assert.ok(error.cause instanceof Error);
  assert.equal(error.cause.stack, stack);
  assert.equal(seen.filter(({ kind }) => kind === 'output').length, 50, 'no line is lost');
  assert.deepEqual(seen.at(-1), { kind: 'stack', stack });
});

test('a file that changed since it was packed ends the deploy, whatever changed', async (t) => {
  const folder = await temporaryDirectory(t);
  const original = bytesOf(600 * 1024);
  const changes: [string, (path: string) => Promise<void>, RegExp][] = [
    ['grew', (path) => appendFile(path, 'x'), /it had 614400 bytes and has more now/],
    ['shrank', (path) => truncate(path, 1000), /it had 614400 bytes and has 1000 now/],
    ['same-size', (path) => writeFile(path, Buffer.alloc(600 * 1024)), /it has other bytes now/],
    ['removed', (path) => rm(path), /it cannot be read any more: there is no such file or folder \(ENOENT\)/],
  ];
  for (const [name, change, message] of changes) {
    const path = join(folder, name);
    await writeFile(path, original);
    const pkg = packageOf(packedFile(`weights/${name}`, original, { kind: 'disk', path }));
    await change(path);
    let cancelled: Promise<unknown> | undefined;
    const client = await controlOf(t, {
      Deploy: (call) => {
        cancelled = once(call, 'cancelled');
        askForAll(() => undefined)(call);
      },
    });
    const error = await refusal(client.deploy(pkg));
    assert.equal(error.code, 'FAILED_PRECONDITION', error.message);
    assert.match(error.message, new RegExp(`^weights/${name} has changed since it was packed: `));
    assert.match(error.message, message);
    await cancelled;
  }
});

test('abort in the middle: CANCELLED, the daemon learns of it, no listener stays', async (t) => {
  const controller = new AbortController();
  const weights = packedFile('weights', bytesOf(32 * 1024 * 1024));
  let cancelled: Promise<unknown> | undefined;
  const client = await controlOf(t, {
    Deploy: (call) => {
      cancelled = once(call, 'cancelled');
      // It reads no blob at all, so the upload is waiting when the abort comes.
      call.once('data', () => {
        call.pause();
        call.write({ missing: { sha256: [weights.sha256] } });
      });
    },
  });
  const error = await refusal(
    client.deploy(packageOf(weights), {
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.kind === 'upload' && progress.sent > 0) controller.abort();
      },
    }),
  );
  assert.equal(error.code, 'CANCELLED');
  await cancelled;
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
});

test('the daemon refuses while the upload waits: its error comes, and nothing hangs', async (t) => {
  const weights = packedFile('weights', bytesOf(32 * 1024 * 1024));
  const client = await controlOf(t, {
    Deploy: (call) => {
      call.once('data', () => {
        call.pause();
        call.write({ missing: { sha256: [weights.sha256] } });
        call.emit('error', { code: status.RESOURCE_EXHAUSTED, details: 'the disk is full: 3 MiB are free' });
      });
    },
  });
  const error = await refusal(client.deploy(packageOf(weights)));
  assert.deepEqual([error.code, error.message], ['RESOURCE_EXHAUSTED', 'the disk is full: 3 MiB are free']);
});

test('a daemon that breaks the protocol, and an onProgress that throws', async (t) => {
  const pkg = packageOf(packedFile('a', Buffer.from('a')));
  const silent = await controlOf(t, { Deploy: (call) => call.end() });
  const without = await refusal(silent.deploy(pkg));
  assert.deepEqual(
    [without.code, without.message],
    ['INTERNAL', 'the daemon ended the deploy without a result; "dcf list" shows what is active'],
  );

  const confused = await controlOf(t, {
    Deploy: (call) => {
      call.once('data', () => call.write({ missing: { sha256: ['f'.repeat(64)] } }));
    },
  });
  const unknown = await refusal(confused.deploy(pkg));
  assert.equal(unknown.code, 'INTERNAL');
  assert.match(unknown.message, /asked for a blob that the package does not have: f{64}/);

  const fine = await controlOf(t, { Deploy: askForAll(succeed) });
  const thrown = await refusal(
    fine.deploy(pkg, {
      onProgress: () => {
        throw new Error('the terminal is gone');
      },
    }),
  );
  assert.deepEqual([thrown.code, thrown.message], ['UNKNOWN', 'the terminal is gone']);
});

test('close in the middle of a deploy cancels it', async (t) => {
  const client = await controlOf(t, { Deploy: () => client.close() });
  const error = await refusal(client.deploy(packageOf(packedFile('a', Buffer.from('a')))));
  assert.deepEqual([error.code, error.message], ['CANCELLED', 'the client was closed']);
});
