import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { access, readdir } from 'node:fs/promises';
import { after, describe, test } from 'node:test';
import { ControlClient } from '@dcf/sdk/control';
import { startDaemon } from '../support/daemon.js';
import { handMadePackage } from '../support/functions.js';
import { eventually } from '../support/processes.js';
import { packageMessage, type RawDeploy, rawDeploy } from '../support/raw-deploy.js';
import { deployVictim } from '../support/victim.js';

const owner = { after };
const daemon = await startDaemon(owner);
const victim = await deployVictim(owner, daemon);
const handler = { path: 'handler.mjs', content: 'export class Handler { call() { return "new"; } }' };
const manifest = { name: 'victim', handler: 'handler.mjs' };
const client = new ControlClient(daemon.url);
after(() => client.close());

describe('a package that no honest client would send is refused', () => {
  const manifests: [string, unknown, string, RegExp][] = [
    ['an unknown key', { ...manifest, replica: 3 }, 'INVALID_ARGUMENT', /replica/],
    ['a wrong type', { ...manifest, concurrency: 'many' }, 'INVALID_ARGUMENT', /concurrency/],
    ['a list', [], 'INVALID_ARGUMENT', /./],
    ['a name that leads out', { ...manifest, name: '../victim' }, 'INVALID_ARGUMENT', /name/],
    [
      'a resource that is missing',
      { ...manifest, resources: { model: 'model.onnx' } },
      'INVALID_ARGUMENT',
      /resources\.model.*model\.onnx/,
    ],
    ['a resource outside', { ...manifest, resources: { model: '../../../etc/passwd' } }, 'INVALID_ARGUMENT', /passwd/],
    ['an absolute resource', { ...manifest, resources: { model: '/etc/passwd' } }, 'INVALID_ARGUMENT', /passwd/],
    ['a handler that is missing', { ...manifest, handler: 'other.mjs' }, 'INVALID_ARGUMENT', /other\.mjs.*not among the files/],
    ['a handler outside', { ...manifest, handler: '../../other.mjs' }, 'INVALID_ARGUMENT', /other\.mjs/],
    [
      'a Python that is not there',
      { name: 'victim', runtime: 'python', python: '3.99', handler: 'handler.mjs' },
      'FAILED_PRECONDITION',
      /python: "3\.99" asks for python3\.99, and it is not on the daemon's PATH/,
    ],
    [
      'secrets',
      { ...manifest, secrets: ['KEY'] },
      'FAILED_PRECONDITION',
      /there is no secret KEY, which .* needs: set it with dcf secret set KEY/,
    ],
    [
      'limits.payload over the daemon',
      { ...manifest, limits: { payload: 67108865 } },
      'FAILED_PRECONDITION',
      /67108865.*67108864.*--max-payload/,
    ],
    ['the providers of another host', { ...manifest, providers: ['tensorrt'] }, 'FAILED_PRECONDITION', /tensorrt/],
  ];
  for (const [what, given, code, message] of manifests) {
    test(`a manifest with ${what}`, async () => {
      await assert.rejects(client.deploy(handMadePackage(given, [handler])), { code, message });
      await victim.unchanged();
    });
  }

  const paths = [
    '/etc/passwd',
    '../x',
    'a/../../x',
    'a/..',
    './x',
    'C:/x',
    'a\\b',
    'a\0b',
    '',
    'a//b',
    'a/',
    'node_modules/x/index.js',
    'x'.repeat(256),
  ];
  for (const path of paths) {
    test(`the path ${JSON.stringify(path.slice(0, 30))}`, async () => {
      await assert.rejects(client.deploy(handMadePackage(manifest, [handler, { path, content: 'x' }])), {
        code: 'INVALID_ARGUMENT',
        message: /^the file /,
      });
      await victim.unchanged();
    });
  }

  const collisions = [
    ['README', 'readme'],
    ['a', 'a/b'],
    ['caf\u00e9', 'cafe\u0301'],
    ['same', 'same'],
  ];
  for (const [first = '', second = ''] of collisions) {
    test(`the names ${first} and ${second} together`, async () => {
      const files = [handler, { path: first, content: '1' }, { path: second, content: '2' }];
      await assert.rejects(client.deploy(handMadePackage(manifest, files)), { code: 'INVALID_ARGUMENT', message: /cannot both exist/ });
      await victim.unchanged();
    });
  }
});

describe('an upload that goes wrong changes nothing', () => {
  const large = { path: 'large.bin', content: 'large'.repeat(1000) };
  const digest = createHash('sha256').update(large.content).digest('hex');

  async function uploads(
    what: string,
    send: (deploy: RawDeploy, missing: readonly string[]) => Promise<void> | void,
    code: string,
    message: RegExp,
  ) {
    const deploy = rawDeploy(owner, daemon.url);
    deploy.send(packageMessage(handMadePackage(manifest, [{ ...handler, content: `${handler.content} // ${what}` }, large])));
    const { missing } = await deploy.event('missing');
    await send(deploy, missing?.sha256 ?? []);
    const ended = await deploy.ended;
    assert.equal(ended.code, code, ended.details);
    assert.match(ended.details, message);
    await victim.unchanged();
    await assert.rejects(access(`${daemon.data}/blobs/sha256/${digest}`), 'a blob counts only when its digest fits');
  }

  const cases: [string, (deploy: RawDeploy, missing: readonly string[]) => void, RegExp][] = [
    [
      'bytes that do not fit their digest',
      (deploy) => deploy.send({ chunk: { sha256: digest, data: Buffer.from('LARGE'.repeat(1000)) } }),
      /[0-9a-f]{64}/,
    ],
    ['a blob that is not sent', () => undefined, /were not sent/],
    [
      'more bytes than declared',
      (deploy) => deploy.send({ chunk: { sha256: digest, data: Buffer.from(`${large.content}!`) } }),
      /5000|more/,
    ],
    ['fewer bytes than declared', (deploy) => deploy.send({ chunk: { sha256: digest, data: Buffer.from('large') } }), /[0-9a-f]{64}|bytes/],
    [
      'a blob that nobody asked for',
      (deploy) => deploy.send({ chunk: { sha256: 'f'.repeat(64), data: Buffer.from('x') } }),
      /did not ask for the blob/,
    ],
    [
      'a digest that is none',
      (deploy) => deploy.send({ chunk: { sha256: '../../../etc/passwd', data: Buffer.from('x') } }),
      /did not ask for the blob/,
    ],
    ['the package once more', (deploy) => deploy.send(packageMessage(handMadePackage(manifest, [handler]))), /must hold chunks of blobs/],
    ['a message without content', (deploy) => deploy.send({}), /must hold chunks of blobs/],
  ];
  for (const [what, send, message] of cases) {
    test(what, async () => {
      const sendAndEnd = (deploy: RawDeploy, missing: readonly string[]): void => {
        send(deploy, missing);
        deploy.end();
      };
      await uploads(what, sendAndEnd, 'INVALID_ARGUMENT', message);
    });
  }

  test('a deploy that does not begin with its package', async () => {
    for (const first of [{ chunk: { sha256: digest, data: Buffer.from('x') } }, {}]) {
      const deploy = rawDeploy(owner, daemon.url);
      deploy.send(first);
      deploy.end();
      assert.equal((await deploy.ended).code, 'INVALID_ARGUMENT');
    }
    const empty = rawDeploy(owner, daemon.url);
    empty.end();
    assert.equal((await empty.ended).code, 'INVALID_ARGUMENT');
    await victim.unchanged();
  });

  test('a client that is gone in the middle of the upload', async () => {
    await uploads(
      'gone',
      async (deploy) => {
        deploy.send({ chunk: { sha256: digest, data: Buffer.from('large'.repeat(500)) } });
        const isPart = (name: string): boolean => name.startsWith(`${digest}.`);
        await eventually('a part of the blob has come', async () => (await readdir(`${daemon.data}/blobs/sha256`)).some(isPart));
        deploy.cancel();
      },
      'CANCELLED',
      /./,
    );
  });

  test('a client that is gone while the Handler is built, whose process ends', async () => {
    const slow = {
      ...handler,
      content: 'export class Handler { init() { console.log("building"); return new Promise(() => undefined); } call() {} }',
    };
    const deploy = rawDeploy(owner, daemon.url);
    deploy.send(packageMessage(handMadePackage(manifest, [slow])));
    await deploy.event('missing');
    deploy.send({ chunk: { sha256: createHash('sha256').update(slow.content).digest('hex'), data: Buffer.from(slow.content) } });
    deploy.end();
    const building = daemon.control.logs({ name: 'victim', follow: true });
    for await (const entry of building) if (entry.text === 'building') break;
    deploy.cancel();
    await deploy.ended;
    await victim.unchanged();
  });

  test('the next deploy is not kept waiting by what went wrong before', async () => {
    await eventually('nothing is under way any more', async () => {
      try {
        await client.deploy(handMadePackage(manifest, [handler]));
        return true;
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ABORTED') return false;
        throw error;
      }
    });
    const { output } = await daemon.client.invoke('victim', '');
    assert.equal(Buffer.from(output).toString(), 'new');
  });
});
