import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DcfError } from '../errors.js';
import { languageOf } from '../languages.js';
import { parseManifestJson } from '../manifest/parse.js';
import type { Manifest } from '../manifest/schema.js';
import { locateResource } from '../package/folder/resources.js';
import { packFunction } from '../package/pack.js';
import { layOutForTest } from './layout.js';
import { startInProcess } from './runtime.js';
import type { LoadOptions, TestedFunction, TestedHandler } from './types.js';

export type { FakeFunction, InProcessOptions, LoadOptions, TestAnswer, TestCallOptions, TestedFunction, TestedHandler } from './types.js';

/**
 * Builds a function's Handler in this process, with the runtime that a worker uses, so that a test can call it.
 *
 * A folder is packed and bundled as for a deploy, and its `environment` is set in this process until `close`. A Handler that the test has
 * imported itself needs no folder: the test runner's mocks and coverage then work as for any module, and `options` replace function.yaml.
 *
 * @param source - the folder with function.yaml (a path or a file URL), or the Handler: a class, object or function
 * @throws DcfError INVALID_ARGUMENT as packing does; FAILED_PRECONDITION for a function in Python, for a resource that only the daemon can
 *   fetch, and when there is no Handler; whatever the Handler throws while it is built
 *
 * @example
 * const hello = await loadFunction(new URL('..', import.meta.url), { parameters: { greeting: 'Hi' } });
 * assert.equal((await hello.call('Ada')).text(), 'Hi, Ada!\n');
 * await hello.close();
 */
export async function loadFunction(source: string | URL | TestedHandler, options: LoadOptions = {}): Promise<TestedFunction> {
  if (typeof source !== 'string' && !(source instanceof URL)) {
    const manifest = parseManifestJson('{"name":"tested"}');
    const resources = resourcePaths(manifest, process.cwd(), options);
    return await startInProcess({ ...settings(manifest, options), resources, handler: { kind: 'given', value: source } });
  }
  const folder = typeof source === 'string' ? resolve(source) : fileURLToPath(source);
  const packed = await packFunction(folder);
  const { manifest } = packed;
  const { title, testing } = languageOf(manifest.runtime);
  if (testing !== '@dcf/sdk/testing') {
    throw new DcfError('FAILED_PRECONDITION', `${folder} is a function in ${title}: test it with ${testing}`);
  }
  const resources = resourcePaths(manifest, folder, options);
  const layout = await layOutForTest(packed, folder);
  const restore = setEnvironment(manifest.environment);
  const undo = async (): Promise<void> => {
    restore();
    await layout.remove();
  };
  try {
    const handler = { kind: 'file', directory: layout.directory, ...manifest.handler } as const;
    const tested = await startInProcess({ ...settings(manifest, options), resources, handler });
    return { ...tested, close: () => closeAnd(tested, undo) };
  } catch (error) {
    await undo();
    throw error;
  }
}

async function closeAnd(tested: TestedFunction, undo: () => Promise<void>): Promise<void> {
  try {
    await tested.close();
  } finally {
    await undo();
  }
}

function settings(manifest: Manifest, { parameters, functions = {}, providers = ['cpu'], devices = [], onLog }: LoadOptions) {
  return {
    function: manifest.name,
    parameters: { ...manifest.parameters, ...parameters },
    providers,
    devices,
    functions,
    concurrency: manifest.concurrency,
    maxBatch: manifest.batch.maxSize,
    maxPayload: manifest.limits.payload,
    timeoutMs: manifest.timeout,
    onLog: onLog ?? (() => undefined),
  };
}

function resourcePaths(manifest: Manifest, folder: string, { resources = {} }: LoadOptions): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const [name, resource] of Object.entries(manifest.resources)) {
    if (resources[name] !== undefined) continue;
    const location = locateResource(resource);
    if (location.kind === 'url') {
      const advice = `give the path of a file: loadFunction(…, { resources: { ${name}: '…' } })`;
      throw new DcfError('FAILED_PRECONDITION', `resources.${name} is fetched by the daemon; ${advice}`);
    }
    paths[name] = resolve(folder, location.path);
  }
  for (const [name, path] of Object.entries(resources)) paths[name] = isAbsolute(path) ? path : resolve(folder, path);
  return paths;
}

/** Sets environment variables of this process. Returns a function that restores their former values. */
function setEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
