import { join } from 'node:path';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { DcfError, messageOf } from '../../errors.js';
import { platformPackages } from '../../languages.js';
import { type Folder, isWithin } from '../folder/folder.js';
import { bundleName } from '../folder/paths.js';
import { describeBuildErrors, isBuildFailure } from './build-errors.js';
import { loadEsbuild } from './esbuild.js';
import { checkExport } from './exports.js';
import { banner, ModulePlaces, modulePlaces } from './module-places.js';
import { Scripts } from './scripts.js';

/** The handler with its imports as one ES module with a source map, and each script for a thread or process that it starts, likewise. */
export interface Bundle {
  readonly files: readonly { path: string; bytes: Uint8Array }[];
  /** The source files in the bundle, relative to the folder. They may lie outside of it. */
  readonly inputs: ReadonlySet<string>;
}

/**
 * Bundles the handler with all of its imports, except for the platform's own packages and `dependencies`. Scripts of the folder that its
 * modules start threads or processes with are bundled in the same way if Node cannot run them as they are.
 *
 * @param handler - the handler's file, and the name of its export
 * @param dependencies - names of the packages that the daemon installs
 * @throws DcfError INVALID_ARGUMENT with its place for a syntax error, an import that cannot be resolved, or a missing export
 */
export async function bundleHandler(
  folder: Folder,
  handler: { path: string; name: string },
  dependencies: readonly string[],
): Promise<Bundle> {
  const options = bundleOptions(folder, dependencies);
  const scripts = new Scripts(folder, options);
  const main = await build(folder, options, scripts, { source: handler.path, target: bundleName });
  await checkExport(folder, handler, main.metafile);
  const files = [...main.files];
  const inputs = new Set(main.inputs);
  for (let script = scripts.next(); script !== undefined; script = scripts.next()) {
    const bundle = await build(folder, options, scripts, { source: script, target: scripts.nameOf(script) });
    files.push(...bundle.files);
    for (const input of bundle.inputs) inputs.add(input);
  }
  return { files, inputs };
}

function bundleOptions(folder: Folder, dependencies: readonly string[]): BuildOptions {
  return {
    // Paths in the bundle and its map are relative to this: so the bytes do not depend on where the folder is.
    absWorkingDir: folder.real,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    charset: 'utf8',
    keepNames: true,
    sourcemap: 'linked',
    // The platform puts its own packages beside every function: a bundle with them would have a second copy.
    external: [...platformPackages, ...dependencies],
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    logLevel: 'silent',
    plugins: folder.within === undefined ? [] : [borderAt(folder.within)],
    write: false,
    metafile: true,
  };
}

/** Refuses files outside of a folder before they are read. esbuild gives their paths with symbolic links resolved. */
function borderAt(within: string): Plugin {
  const text = 'the imported file is outside of the folder from which functions may be packed';
  return {
    name: 'border',
    setup: ({ onLoad }) => onLoad({ filter: /./ }, ({ path }) => (isWithin(path, within) ? undefined : { errors: [{ text }] })),
  };
}

/** What to bundle, and into which file; both paths are relative to the folder. */
interface Entry {
  source: string;
  target: string;
}

async function build(
  folder: Folder,
  options: BuildOptions,
  scripts: Scripts,
  { source, target }: Entry,
): Promise<Bundle & { metafile: Metafile }> {
  const esbuild = await loadEsbuild();
  const places = new ModulePlaces(folder, { source, target }, scripts);
  try {
    const { outputFiles = [], metafile } = await esbuild.build({
      ...options,
      entryPoints: [join(folder.real, source)],
      outfile: join(folder.real, target),
      banner: { js: banner },
      plugins: [...(options.plugins ?? []), modulePlaces(places)],
    });
    if (metafile === undefined) throw new TypeError('it made no metafile');
    const files = outputFiles.map(({ path, contents, text }) =>
      path.endsWith('.map') ? { path: `${target}.map`, bytes: contents } : { path: target, bytes: places.fill(text, contents) },
    );
    return { files, inputs: new Set(Object.keys(metafile.inputs)), metafile };
  } catch (error) {
    if (isBuildFailure(error)) throw new DcfError('INVALID_ARGUMENT', describeBuildErrors(folder, error.errors));
    throw new DcfError('INTERNAL', `esbuild failed: ${messageOf(error)}`, { cause: error });
  }
}
