import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DeployProgress, DeployResult, Rollout } from '@dcf/sdk/control';
import { type ManifestInput, parseManifestJson } from '@dcf/sdk/manifest';
import { type FunctionPackage, packFunction } from '@dcf/sdk/package';
import { isDigest } from '../../src/core/names.js';
import { type Owner, temporaryDirectory } from './cleanup.js';
import type { TestDaemon } from './daemon.js';
import { eventually } from './processes.js';

/** Files of a function's folder, by path. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A Handler that answers with what it was sent. */
export const echoSource = 'export class Handler { call(request) { return request.input; } }\n';

/** Writes a function's folder. `function.yaml` is made from `manifest` unless it is among the files. */
export async function writeFunction(owner: Owner, manifest: ManifestInput, files: Files): Promise<string> {
  const folder = await temporaryDirectory(owner);
  const all: Files = { 'function.yaml': JSON.stringify(manifest), ...files };
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** A Handler that answers with its version. */
export function versionSource(version: string | number): string {
  return `export class Handler { async call() { return '${version}'; } }\n`;
}

/** Calls a function and gives its output as text. */
export async function answerOf(
  daemon: TestDaemon,
  name: string,
  { input = '', alias }: { input?: string; alias?: string } = {},
): Promise<string> {
  return Buffer.from((await daemon.client.invoke(name, input, { alias })).output).toString();
}

/** The texts of a function's log, of one call or of all. */
export async function logOf(daemon: TestDaemon, name: string, callId?: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of daemon.control.logs(callId === undefined ? { name } : { name, callId })) texts.push(text);
  return texts;
}

/** Waits until a function's log, or that of one call, has such a text. */
export async function logged(daemon: TestDaemon, name: string, pattern: RegExp, callId?: string): Promise<void> {
  await eventually(`${pattern} is in the log of ${name}`, async () =>
    (await logOf(daemon, name, callId)).some((text) => pattern.test(text)),
  );
}

export interface DeploySettings extends Partial<ManifestInput> {
  /** Files beside the handler. */
  files?: Files;
  rollout?: Rollout;
  onProgress?: (progress: DeployProgress) => void;
}

/** Writes `source` as the handler of `name`, packs and deploys it as the command does. */
export async function deploySource(
  owner: Owner,
  daemon: TestDaemon,
  name: string,
  source: string,
  { files = {}, rollout = {}, onProgress, ...manifest }: DeploySettings = {},
): Promise<DeployResult> {
  const handler = manifest.runtime === 'python' ? 'handler.py' : 'handler.ts';
  const folder = await writeFunction(owner, { name, ...manifest }, { [handler]: source, ...files });
  return await daemon.control.deploy(await packFunction(folder), { ...rollout, onProgress });
}

/** A package that nobody checked: any manifest, any paths, as a client of another make might send it. */
export function handMadePackage(
  manifest: unknown,
  files: readonly { path: string; content: string; size?: number; sha256?: string }[],
): FunctionPackage {
  const parsed = parseManifestJson('{"name":"hand-made"}');
  return {
    // Only `given` is sent.
    manifest: { ...parsed, given: Object(manifest) },
    files: files.map(({ path, content, size, sha256 }) => {
      const bytes = Buffer.from(content);
      const digest = sha256 ?? createHash('sha256').update(bytes).digest('hex');
      if (!isDigest(digest)) throw new Error(`${digest} is no digest`);
      return { path, mode: 0o644, size: size ?? bytes.length, sha256: digest, source: { kind: 'memory', bytes } };
    }),
  };
}
