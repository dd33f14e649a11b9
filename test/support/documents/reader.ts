import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { parseManifestYaml } from '@dcf/sdk/manifest';
import { transform } from 'esbuild';
import { type Owner, temporaryDirectory } from '../cleanup.js';
import { startDaemon, type TestDaemon } from '../daemon.js';
import { built, cleanEnvironment, root } from '../programs.js';
import { testInterpreter } from '../pythons.js';
import type { Step } from './page.js';

/** What a reader of a page sees beside the documents. */
const checkout = ['functions', 'sdk', 'proto'];

/** Somebody who does what a page says, block by block, in a folder that looks like a fresh clone, with a daemon of its own. */
export class Reader {
  readonly #owner: Owner;
  readonly #folder: string;
  #daemon: TestDaemon;

  private constructor(owner: Owner, folder: string, daemon: TestDaemon) {
    this.#owner = owner;
    this.#folder = folder;
    this.#daemon = daemon;
  }

  static async start(owner: Owner): Promise<Reader> {
    const folder = join(await temporaryDirectory(owner), 'clone');
    await mkdir(join(folder, 'node_modules/@dcf'), { recursive: true });
    for (const name of checkout) await symlink(join(root, name), join(folder, name));
    for (const name of ['@types', 'onnxruntime-node', 'sharp'])
      await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    await symlink(join(root, 'sdk'), join(folder, 'node_modules/@dcf/sdk'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writePrograms(join(folder, 'node_modules/.bin'));
    return new Reader(owner, folder, await startDaemon(owner, { environment: { DCF_PACKAGES: join(folder, 'functions') } }));
  }

  /** Does what a block says, and then what its comment says. Rejects when it fails, with what was written. */
  async follow(step: Step): Promise<void> {
    const { directive, language, text: content } = step;
    if (directive.kind === 'daemon') await this.#startDaemon(content);
    else if (directive.kind === 'file') await this.#write(directive.name, content);
    if (language === 'yaml') checkManifest(content);
    if (language === 'ts')
      await this.#checkTypes(directive.kind === 'file' ? directive.name : await this.#write(`snippet-${step.line}.ts`, content));
    if (directive.kind === 'plain' || directive.kind === 'needs') await this.#run(step);
    if (directive.script !== '') await this.#shell(directive.script);
  }

  async #run({ language, text: content, line }: Step): Promise<void> {
    if (language === 'sh' || language === undefined) return await this.#shell(content);
    if (language === 'ts')
      return await this.#program('node', `snippet-${line}.mjs`, (await transform(this.#located(content), { loader: 'ts' })).code);
    if (language === 'js') return await this.#program('node', `snippet-${line}.mjs`, this.#located(content));
    if (language === 'python') return await this.#program('python3', `snippet_${line}.py`, this.#located(content));
    assert.ok(language === '' || language === 'yaml', `there is no way to test a block of ${language}`);
  }

  async #startDaemon(content: string): Promise<void> {
    const [, given = ''] = /^(?:npx )?dcfd(.*)$/m.exec(content) ?? [];
    await this.#daemon.stop();
    const args = given
      .replace(/#.*/, '')
      .trim()
      .split(/\s+/)
      .filter((arg) => arg !== '')
      .map((arg) => arg.replace('./', `${this.#folder}/`));
    this.#daemon = await startDaemon(this.#owner, { args });
  }

  async #write(path: string, content: string): Promise<string> {
    await mkdir(dirname(join(this.#folder, path)), { recursive: true });
    await writeFile(join(this.#folder, path), this.#located(content));
    return path;
  }

  async #program(program: string, name: string, content: string): Promise<void> {
    await writeFile(join(this.#folder, name), content);
    await this.#shell(`${program} ${name}`);
  }

  /** The daemon of a page is where there is a free port. */
  #located(content: string): string {
    const { url, http } = this.#daemon;
    return content.replaceAll(/(?:localhost|gpu-host):32222/g, url).replaceAll(/(?:http:\/\/)?(?:localhost|gpu-host):32223/g, http);
  }

  async #checkTypes(path: string): Promise<void> {
    const types = { target: 'es2023', module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true, types: ['node'] };
    const options = { ...types, allowImportingTsExtensions: true, preserveSymlinks: false };
    await writeFile(join(this.#folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: [path] }));
    await this.#shell(`'${process.execPath}' '${join(root, 'node_modules/typescript/bin/tsc')}' --project tsconfig.json`);
  }

  async #shell(script: string): Promise<void> {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', this.#located(script)], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...cleanEnvironment(),
        // Programs such as go write there.
        XDG_CONFIG_HOME: join(this.#folder, '.config'),
        PATH: [join(this.#folder, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter),
        PYTHONPATH: ['sdk/python/src', 'src/runtimes/python'].map((path) => join(root, path)).join(delimiter),
        PYTHONDONTWRITEBYTECODE: '1',
        GOBIN: join(this.#folder, 'node_modules/.bin'),
        DCF_URL: this.#daemon.url,
      },
    });
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    assert.equal(child.exitCode, 0, `${script}\nended with ${child.exitCode ?? child.signalCode}:\n${output}${errors}`);
  }
}

/** A block of YAML is a manifest, or some keys of one. */
function checkManifest(content: string): void {
  const missing = [/^name:/m.test(content) ? '' : 'name: example\n', /^handler:/m.test(content) ? '' : 'handler: handler.ts\n'];
  parseManifestYaml(`${missing.join('')}${content}`, 'function.yaml');
}

async function writePrograms(folder: string): Promise<void> {
  const programs = {
    dcf: `exec '${process.execPath}' '${join(built, 'bin/dcf.js')}' "$@"`,
    dcfd: `exec '${process.execPath}' '${join(built, 'daemon/main.js')}' "$@"`,
    node: `exec '${process.execPath}' "$@"`,
    npx: 'exec "$@"',
    python3: `exec '${testInterpreter}' "$@"`,
    protoc: `exec '${testInterpreter}' -m grpc_tools.protoc "$@"`,
  };
  await mkdir(folder);
  for (const [name, content] of Object.entries(programs)) await writeFile(join(folder, name), `#!/bin/sh\n${content}\n`, { mode: 0o755 });
}
