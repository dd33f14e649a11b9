import assert from 'node:assert/strict';
import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ManifestInput } from '@dcf/sdk/manifest';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { echoSource, type Files, writeFunction } from '../support/functions.js';
import { runCli } from '../support/programs.js';
import { deployVictim } from '../support/victim.js';

const owner = { after };
const daemon = await startDaemon(owner);
const victim = await deployVictim(owner, daemon);

interface Refusal {
  what: string;
  manifest?: Partial<ManifestInput>;
  /** function.yaml as text, where a manifest of our own type cannot be so wrong. */
  yaml?: string;
  source?: string;
  files?: Files;
  /** Each must match what the user reads. */
  says: RegExp[];
}

const stillActive = /Nothing has changed: victim@[0-9a-f]+ is still the active revision/;

const beforeUpload: Refusal[] = [
  { what: 'an unknown key', yaml: 'name: victim\nreplica: 3\n', says: [/function\.yaml:2/, /"?replica"?/, /replicas/] },
  { what: 'a wrong type', yaml: 'name: victim\nconcurrency: many\n', says: [/function\.yaml:2/, /concurrency/, /"?many"?/] },
  { what: 'an impossible value', yaml: 'name: victim\ntimeout: 30\n', says: [/function\.yaml:2/, /timeout/, /such as 500ms, 30s or 5m/] },
  { what: 'YAML that is none', yaml: 'name: [victim\n', says: [/function\.yaml:[12]/] },
  { what: 'no name', yaml: 'description: nobody\n', says: [/function\.yaml/, /name/] },
  { what: 'a name that leads out of the folder', yaml: 'name: ../victim\n', says: [/function\.yaml:1/, /lower-case letters/] },
  { what: 'a handler file that is missing', manifest: { handler: 'other.ts' }, says: [/other\.ts/, /there is no such file/] },
  { what: 'a handler outside of the folder', manifest: { handler: '../other.ts' }, says: [/\.\.\/other\.ts/, /must not lead out/] },
  { what: 'a syntax error', source: 'export class Handler {\n  call( { }\n}\n', says: [/handler\.ts:3:1: Expected "\)"/] },
  {
    what: 'no export of that name',
    source: 'export const handler = 1;\n',
    says: [/handler\.ts has no export "Handler" \(it exports handler\)/],
  },
  { what: 'a resource that is missing', manifest: { resources: { model: 'model.onnx' } }, says: [/model\.onnx/, /resources/] },
  { what: 'a resource outside of the folder', manifest: { resources: { model: '../../etc/passwd' } }, says: [/passwd/, /lead out/] },
];

const byTheDaemon: Refusal[] = [
  { what: 'a Handler that is no class', source: 'export const Handler = 5;\n', says: [/Handler/, stillActive] },
  { what: 'a Handler without call', source: 'export class Handler { run() { return 1; } }\n', says: [/call/, stillActive] },
  {
    what: 'an import that is not there',
    source: "import { nothing } from 'not-installed-anywhere';\nexport class Handler { call() { return nothing; } }\n",
    says: [/not-installed-anywhere/],
  },
  {
    what: 'an init that throws',
    source:
      "export class Handler {\n  async init(): Promise<void> {\n    load('weights');\n  }\n  call() { return 1; }\n}\nfunction load(what: string) {\n  throw new Error('the ' + what + ' are no weights');\n}\n",
    says: [/FAILED_PRECONDITION: .*the weights are no weights/, /at load .*handler\.ts:8:\d+/, /handler\.ts:3:\d+/, stillActive],
  },
  {
    what: 'a module that throws when it is loaded',
    source: 'const broken: string = undefined as unknown as string;\nbroken.trim();\nexport class Handler { call() { return 1; } }\n',
    says: [/FAILED_PRECONDITION: .*undefined/, /handler\.ts:2:\d+/, stillActive],
  },
  {
    what: 'an init that exits',
    source: 'export class Handler {\n  init() { process.exit(7); }\n  call() { return 1; }\n}\n',
    says: [/FAILED_PRECONDITION: .*exited with code 7/, stillActive],
  },
  {
    what: 'an init over initTimeout',
    manifest: { initTimeout: '300ms' },
    source: 'export class Handler {\n  init() { return new Promise<void>(() => undefined); }\n  call() { return 1; }\n}\n',
    says: [/FAILED_PRECONDITION: .*initTimeout/, stillActive],
  },
  {
    what: 'a constructor that never ends',
    manifest: { initTimeout: '300ms' },
    source: 'export class Handler {\n  constructor() { for (;;); }\n  call() { return 1; }\n}\n',
    says: [/FAILED_PRECONDITION: .*initTimeout/, stillActive],
  },
  {
    what: 'one of several replicas that fails',
    manifest: { replicas: { min: 3 }, initTimeout: '10s' },
    source: "export class Handler {\n  init() { throw new Error('not even one'); }\n  call() { return 1; }\n}\n",
    says: [/not even one/, stillActive],
  },
  {
    what: 'secrets',
    manifest: { secrets: ['API_KEY'] },
    says: [/FAILED_PRECONDITION: there is no secret API_KEY, which victim needs: set it with dcf secret set API_KEY/, stillActive],
  },
  {
    what: 'limits.payload over the limit of the daemon',
    manifest: { limits: { payload: '128MiB' } },
    says: [/134217728/, /67108864/, /--max-payload/, stillActive],
  },
  {
    what: 'a Python that is not there',
    manifest: { runtime: 'python', python: '3.99' },
    files: { 'handler.py': 'class Handler:\n  def __call__(self, req): return req.input\n' },
    says: [/FAILED_PRECONDITION: python: "3\.99" asks for python3\.99, and it is not on the daemon's PATH/, stillActive],
  },
];

async function refused({ manifest = {}, yaml, source = echoSource, files = {}, says }: Refusal): Promise<void> {
  const given: ManifestInput = { name: 'victim', ...manifest };
  const folder = await writeFunction(owner, given, {
    'handler.ts': source,
    ...files,
    ...(yaml === undefined ? {} : { 'function.yaml': yaml }),
  });
  const { code, stdout, stderr } = await runCli(['deploy', folder], { url: daemon.url });
  assert.equal(code, 1, stderr);
  for (const pattern of says) assert.match(stderr, pattern);
  assert.equal(stdout, '');
  // A stack is shown where it is the Handler's own; nobody wants to read ours.
  assert.doesNotMatch(stderr, /at .*\/(dist|node_modules)\/(src|sdk|@dcf)\//, 'our own stack');
  await victim.unchanged();
}

describe('refused before anything is sent', () => {
  for (const refusal of beforeUpload) test(refusal.what, () => refused(refusal));

  test('a link in the package', async () => {
    const folder = await writeFunction(owner, { name: 'victim' }, { 'handler.ts': echoSource });
    await symlink('/etc/passwd', join(folder, 'users.txt'));
    const { code, stderr } = await runCli(['deploy', folder], { url: daemon.url });
    assert.equal(code, 1);
    assert.match(stderr, /users\.txt.*link/);
    await victim.unchanged();
  });

  test('a folder that does not exist, and one without a manifest', async () => {
    const folder = await temporaryDirectory(owner);
    for (const [path, says] of [
      [join(folder, 'nothing'), /nothing/],
      [folder, /function\.yaml: there is no such file/],
    ] as const) {
      const { code, stderr } = await runCli(['deploy', path], { url: daemon.url });
      assert.equal(code, 1);
      assert.match(stderr, says);
    }
  });
});

describe('refused by the daemon', () => {
  for (const refusal of byTheDaemon) test(refusal.what, () => refused(refusal));

  test('providers that this host lacks', async (t) => {
    const { providers } = await daemon.control.info();
    const lacking = ['cuda', 'tensorrt', 'webgpu'].find((name) => providers.some((provider) => provider.name === name && !provider.usable));
    if (lacking === undefined) return t.skip('this host has every provider');
    const says = [new RegExp(`FAILED_PRECONDITION: none of the function's providers works on this host: ${lacking}: .+`), stillActive];
    await refused({ what: 'one provider', yaml: `name: victim\nproviders: [${lacking}]\n`, says });
  });

  test('a first deploy that fails leaves nothing but its log', async () => {
    const folder = await writeFunction(
      owner,
      { name: 'newcomer' },
      { 'handler.ts': "export class Handler { init() { console.log('a line'); throw new Error('no'); } call() { return 1; } }" },
    );
    const { code, stderr } = await runCli(['deploy', folder], { url: daemon.url });
    assert.equal(code, 1);
    assert.match(stderr, /Nothing has changed: newcomer is not deployed, and was not before/);
    await victim.unchanged();
    await assert.rejects(daemon.control.describe('newcomer'), { code: 'NOT_FOUND' });
    assert.ok(!(await readdir(join(daemon.data, 'functions'))).includes('newcomer'));
    assert.match((await runCli(['logs', 'newcomer'], { url: daemon.url })).stdout, / a line\n.* failed: .*no\nError: no\n/);
    assert.equal((await runCli(['delete', 'newcomer', '--yes'], { url: daemon.url })).code, 0);
    await assert.rejects(daemon.control.delete('newcomer'), { code: 'NOT_FOUND' });
  });
});
