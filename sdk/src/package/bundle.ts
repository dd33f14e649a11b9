import { join } from 'node:path';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { DcfError, messageOf } from '../errors.js';
import { describeBuildErrors, isBuildFailure } from './build-errors.js';
import { type Folder, isWithin, refuse } from './folder.js';

/** Where the bundle lies in a package: always at its root, so that paths beside it stay what they were. */
export const bundleName = 'handler.mjs';
export const bundleMapName = `${bundleName}.map`;

/** What the platform lays beside every function; a bundle that took these in would have a second copy of them. */
const platformPackages = ['@dcf/sdk', 'onnxruntime-node', 'sharp'];

/** Packages in CommonJS that were bundled in call `require`, which an ES module does not have. */
const banner = `import { createRequire as __dcfCreateRequire } from 'node:module';\nconst require = __dcfCreateRequire(import.meta.url);`;

/** A handler and what it imports, as one ES module with its source map. */
export interface Bundle {
  readonly files: readonly { path: string; bytes: Uint8Array }[];
  /** The files that went into it, relative to the folder; they may lie outside of it. */
  readonly inputs: ReadonlySet<string>;
}

/**
 * Bundles the handler with everything that it imports but the platform's own packages and `dependencies`.
 *
 * @param handler - file and name of its export
 * @param dependencies - names of the packages that the daemon installs
 * @throws DcfError INVALID_ARGUMENT for a syntax error, an import that leads nowhere, or a missing export, with its place
 */
export async function bundleHandler(
  folder: Folder,
  handler: { path: string; name: string },
  dependencies: readonly string[],
): Promise<Bundle> {
  const options = bundleOptions(folder, dependencies);
  const bundle = await build(folder, { ...options, entryPoints: [join(folder.real, handler.path)] });
  if (bundle.metafile.inputs[handler.path]?.format !== 'cjs') {
    checkExport(folder, handler, bundle.metafile.outputs[bundleName]?.exports ?? []);
    return bundle;
  }
  // The exports of a CommonJS module are known only once it runs: name the one that is wanted.
  const contents = `export { ${handler.name} } from ${JSON.stringify(`./${handler.path}`)};`;
  return await build(folder, { ...options, stdin: { contents, resolveDir: folder.real, sourcefile: 'entry.js', loader: 'js' } });
}

function bundleOptions(folder: Folder, dependencies: readonly string[]): BuildOptions {
  return {
    // Paths in the bundle and its map are relative to this, so that the place of the folder changes no byte.
    absWorkingDir: folder.real,
    outfile: join(folder.real, bundleName),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    charset: 'utf8',
    keepNames: true,
    sourcemap: 'linked',
    external: [...platformPackages, ...dependencies],
    banner: { js: banner },
    define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
    logLevel: 'silent',
    plugins: folder.within === undefined ? [] : [borderAt(folder.within)],
  };
}

/** Refuses files outside of a folder before anything of them is read. esbuild gives their paths without links. */
function borderAt(within: string): Plugin {
  const text = 'the import leads out of the folder from which functions may be packed';
  return {
    name: 'border',
    setup: ({ onLoad }) => onLoad({ filter: /./ }, ({ path }) => (isWithin(path, within) ? undefined : { errors: [{ text }] })),
  };
}

async function build(folder: Folder, options: BuildOptions): Promise<Bundle & { metafile: Metafile }> {
  const esbuild = await loadEsbuild();
  try {
    const { outputFiles, metafile } = await esbuild.build({ ...options, write: false, metafile: true });
    const files = outputFiles.map((file) => ({ path: file.path.endsWith('.map') ? bundleMapName : bundleName, bytes: file.contents }));
    return { files, inputs: new Set(Object.keys(metafile.inputs)), metafile };
  } catch (error) {
    if (isBuildFailure(error)) throw new DcfError('INVALID_ARGUMENT', describeBuildErrors(folder, error.errors));
    throw new DcfError('INTERNAL', `esbuild failed: ${messageOf(error)}`, { cause: error });
  }
}

/** Ends the process that esbuild keeps for the next bundle. What is being bundled fails. */
export async function stopBundler(): Promise<void> {
  await (await loadEsbuild()).stop();
}

/** Loaded when it is needed only: who reads packages needs no bundler. */
async function loadEsbuild(): Promise<typeof import('esbuild')> {
  try {
    return await import('esbuild');
  } catch (error) {
    throw new DcfError('FAILED_PRECONDITION', 'packing a function for Node needs the package esbuild; run: npm install esbuild', {
      cause: error,
    });
  }
}

function checkExport(folder: Folder, handler: { path: string; name: string }, exports: readonly string[]): void {
  if (exports.includes(handler.name)) return;
  const others = exports.length === 0 ? 'it exports nothing' : `it exports ${exports.join(', ')}`;
  const advice =
    handler.name === 'Handler'
      ? `write: export class Handler { … }, or name another export in function.yaml: handler: ${handler.path}#Name`
      : 'the name stands after # in function.yaml';
  throw refuse(folder, handler.path, `has no export "${handler.name}" (${others}); ${advice}`);
}
