import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseOverride } from '@dcf/sdk/manifest';
import { packFunction } from '@dcf/sdk/package';
import { startDaemon } from '../support/daemon.js';
import { answerOf, writeFunction } from '../support/functions.js';
import { runCli } from '../support/programs.js';
import { noPython, testPython } from '../support/pythons.js';

const manifest = (runtime: string, secrets: string) => `name: exact
runtime: ${runtime}
providers: [cpu]
secrets: ${secrets}
environment: { BIG: ${'x'.repeat(100_000)}, EMPTY: "" }
resources: { tools: ./x/../tools }
parameters:
  base: &base { a: 1, yes: no }
  merged: { <<: *base, b: 2 }
  quoted: "001234567890"
  long: 9007199254740991
  small: 1.5e-7
  date: 2024-01-01
  nothing: null
  text: "ü \\0 \\u2028 \\U0001F600"
  1.10: "1.10"
  list: [0x1F, 0o17, true, [], {}]
`;

const parameters = {
  base: { a: 1, yes: 'no' },
  merged: { a: 1, yes: 'no', b: 2 },
  quoted: '001234567890',
  long: 9_007_199_254_740_991,
  small: 1.5e-7,
  date: '2024-01-01',
  nothing: null,
  text: 'ü \0 \u2028 \u{1F600}',
  '1.10': '1.10',
  list: [31, 15, true, [], {}],
  set: { version: '1.10', more: [null] },
};

const node = `import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
declare const process: any;
export class Handler {
  constructor(private readonly context: any) {}
  call() {
    const { parameters, resources } = this.context;
    const { BIG, EMPTY, PEM, PEM_FILE } = process.env;
    const said = execFileSync(resources.tools + '/run.sh').toString();
    const folders = [readdirSync('empty').length, readdirSync(resources.tools + '/none').length];
    return { parameters, big: BIG.length, empty: EMPTY, secrets: [PEM, readFileSync(PEM_FILE, 'utf8')], said, folders };
  }
}
`;

const python = `import os, subprocess

class Handler:
    def __init__(self, context):
        self.context = context

    def __call__(self, req):
        tools = self.context.resources["tools"]
        said = subprocess.run([tools + "/run.sh"], check=True, stdout=subprocess.PIPE).stdout.decode()
        folders = [len(os.listdir("empty")), len(os.listdir(tools + "/none"))]
        with open(os.environ["PEM_FILE"]) as file:
            secrets = [os.environ["PEM"], file.read()]
        big, empty = len(os.environ["BIG"]), os.environ["EMPTY"]
        return {"parameters": self.context.parameters, "big": big, "empty": empty, "secrets": secrets, "said": said, "folders": folders}
`;

test('parameters, variables, secrets in both forms, the x bit and empty folders reach a Handler as they were written', {
  timeout: 300_000,
}, async (t) => {
  const interpreter = noPython === false ? (await testPython()).executable : 'python3';
  const daemon = await startDaemon(t, { args: ['--python', interpreter] });
  await runCli(['secret', 'set', 'PEM'], { url: daemon.url, input: 'certificate' });
  const kinds: [string, string, string, string][] = [['node', 'handler.ts', node, '[PEM, { name: PEM, file: true }]']];
  if (noPython === false) kinds.push(['python', 'handler.py', python, '[{ name: PEM, file: true }, PEM]']);
  for (const [runtime, handler, source, secrets] of kinds) {
    const files = { 'function.yaml': manifest(runtime, secrets), [handler]: source, 'tools/run.sh': '#!/bin/sh\necho ran\n' };
    const folder = await writeFunction(t, { name: 'exact' }, files);
    await chmod(join(folder, 'tools/run.sh'), 0o755);
    for (const path of ['empty', 'tools/none']) await mkdir(join(folder, path));
    const overrides = ['parameters.set.version="1.10"', 'parameters.set.more[0]=null'].map(parseOverride);
    await daemon.control.deploy(await packFunction(folder, { overrides }));
    assert.deepEqual(
      JSON.parse(await answerOf(daemon, 'exact')),
      { parameters, big: 100_000, empty: '', secrets: ['certificate', 'certificate'], said: 'ran\n', folders: [0, 0] },
      runtime,
    );
  }
});

test('a variable that no process could be started with is refused at the deploy, by name and limit', { timeout: 300_000 }, async (t) => {
  const daemon = await startDaemon(t);
  const folder = await writeFunction(t, { name: 'big' }, { 'handler.ts': node });
  const packed = await packFunction(folder);
  const given = { ...packed.manifest.given, environment: { FINE: 'x', TOO_BIG: 'x'.repeat(140_000) } };
  await assert.rejects(daemon.control.deploy({ ...packed, manifest: { ...packed.manifest, given } }), {
    code: 'INVALID_ARGUMENT',
    message: /^manifest: "environment\.TOO_BIG" is "x+…; allowed: up to 128 KiB with its name, the limit of Linux, and it has 136\.7 KiB/,
  });
  await writeFile(join(folder, 'function.yaml'), `name: big\nenvironment:\n  TOO_BIG: ${'x'.repeat(140_000)}\n`);
  const { code, stderr } = await runCli(['deploy', folder], { url: daemon.url });
  assert.deepEqual([code, /function\.yaml:3: "environment\.TOO_BIG" is .*128 KiB with its name/.test(stderr)], [1, true], stderr);
});
