import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import type { Loader, Plugin } from 'esbuild';
import { type Folder, isWithin } from '../folder/folder.js';
import { loadEsbuild } from './esbuild.js';
import type { Scripts } from './scripts.js';

/** The expressions by which a module finds out its own path. */
const asksForPlace = /\bimport\s*\.\s*meta\b|\b__dirname\b|\b__filename\b|\brequire\s*\.\s*resolve\b/;

const loaders: Readonly<Record<string, Loader>> = {
  '.ts': 'ts',
  '.mts': 'ts',
  '.cts': 'ts',
  '.tsx': 'tsx',
  '.js': 'js',
  '.mjs': 'js',
  '.cjs': 'js',
  '.jsx': 'jsx',
};

/** Is replaced by code once it is known which modules are in the bundle. It is in the second line of every bundle, so that no line moves. */
const mark = '/* places */';

/** The first lines of every bundle. They define `require`, which bundled CommonJS packages call and an ES module does not have. */
export const banner = `import { createRequire as __dcfCreateRequire } from 'node:module';\nconst require = __dcfCreateRequire(import.meta.url);${mark}`;

/** The function that makes the replacement for a module's `import.meta`, `__dirname` and so on, from its path and the root of the paths. */
const placeMaker = `const __dcfPlace = (path, root) => {
const { fileURLToPath } = require('node:url'), url = new URL(root + path, import.meta.url).href, filename = fileURLToPath(url);
return { url, filename, dirname: require('node:path').dirname(filename), require: __dcfCreateRequire(url),
resolve: (name) => /^[.]{0,2}[/]/.test(name) ? new URL(name, url).href : import.meta.resolve(name) }; };`.replaceAll('\n', ' ');

/** The modules of one bundle that use their own path. In the bundle they get the path that they have in the function's folder. */
export class ModulePlaces {
  /** The path of each module, by the name of the object that replaces its `import.meta`. */
  private readonly paths = new Map<string, string>();

  constructor(
    private readonly folder: Folder,
    private readonly entry: { source: string; target: string },
    private readonly scripts: Scripts,
  ) {}

  /** The code of a module that uses its own path, with that path put in; `undefined` for any other module. */
  async load(file: string): Promise<{ contents: string; loader: Loader } | undefined> {
    const loader = loaders[extname(file)];
    if (loader === undefined || !isWithin(file, this.folder.real) || file.includes('/node_modules/')) return undefined;
    const source = await readFile(file, 'utf8');
    const starts = this.scripts.startsOthers(source);
    if (!starts && !asksForPlace.test(source)) return undefined;
    const path = relative(this.folder.real, file);
    const place = `__dcfPlace_${createHash('sha256').update(path).digest('hex').slice(0, 12)}`;
    const code = await this.transform(source, file, loader, place);
    if (code === undefined) return undefined;
    const { contents, self } = await this.scripts.nameIn(code, { path, place, starts, entry: this.entry });
    if (contents.includes(place)) this.paths.set(place, self);
    return { contents, loader: loader.endsWith('x') ? 'jsx' : 'js' };
  }

  /** Puts the code for the paths of its modules into the text of a bundle. */
  fill(text: string, bytes: Uint8Array): Uint8Array {
    const used = [...this.paths].filter(([place]) => text.includes(place)).sort(([a], [b]) => (a < b ? -1 : 1));
    const root = JSON.stringify('../'.repeat(this.entry.target.split('/').length - 1) || './');
    const places = used.map(([place, path]) => `const ${place} = __dcfPlace(${JSON.stringify(encode(path))}, ${root});`);
    const at = text.indexOf(mark);
    if (at === -1) return bytes;
    const filled = used.length === 0 ? '' : [' ', placeMaker, ...places].join(' ');
    return Buffer.from(`${text.slice(0, at)}${filled}${text.slice(at + mark.length)}`);
  }

  /** The module as JavaScript without comments, in which `place` replaces `import.meta`; `undefined` if it has a syntax error. */
  private async transform(source: string, file: string, loader: Loader, place: string): Promise<string | undefined> {
    const esbuild = await loadEsbuild();
    try {
      const { code } = await esbuild.transform(source, {
        loader,
        define: {
          'import.meta': place,
          __dirname: `${place}.dirname`,
          __filename: `${place}.filename`,
          'require.resolve': `${place}.require.resolve`,
        },
        jsx: 'preserve',
        target: 'esnext',
        charset: 'utf8',
        legalComments: 'none',
        sourcemap: 'inline',
        sourcefile: basename(file),
        tsconfigRaw: await nearestConfig(file, this.folder),
        logLevel: 'silent',
      });
      return code;
    } catch {
      // The bundler finds the same error, and reports where it is.
      return undefined;
    }
  }
}

/** The plugin that lets the modules of a bundle see the paths that they have in the function's folder. */
export function modulePlaces(places: ModulePlaces): Plugin {
  return { name: 'places', setup: ({ onLoad }) => onLoad({ filter: /./, namespace: 'file' }, ({ path }) => places.load(path)) };
}

/** The text of the nearest tsconfig.json above a file, which the bundler reads, too: the meaning of decorators and fields depends on it. */
async function nearestConfig(file: string, { real }: Folder): Promise<string> {
  for (let at = dirname(file); isWithin(at, real); at = dirname(at)) {
    const text = await readFile(join(at, 'tsconfig.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return '{}';
}

function encode(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
