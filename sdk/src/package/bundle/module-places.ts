import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import type { Loader, Plugin } from 'esbuild';
import { type Folder, isWithin } from '../folder/folder.js';
import { loadEsbuild } from './esbuild.js';
import type { Scripts } from './scripts.js';

/** How a module asks for its place. */
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

/** Filled in once it is known which modules are in the bundle. It is in the second line of all bundles, so that no line moves. */
const mark = '/* places */';

/** Packages in CommonJS that were bundled in call `require`, which an ES module does not have. */
export const banner = `import { createRequire as __dcfCreateRequire } from 'node:module';\nconst require = __dcfCreateRequire(import.meta.url);${mark}`;

/** Makes the object that stands for `import.meta` and more in a module, from its path and the root that the paths begin at. */
const placeMaker = `const __dcfPlace = (path, root) => {
const { fileURLToPath } = require('node:url'), url = new URL(root + path, import.meta.url).href, filename = fileURLToPath(url);
return { url, filename, dirname: require('node:path').dirname(filename), require: __dcfCreateRequire(url),
resolve: (name) => /^[.]{0,2}[/]/.test(name) ? new URL(name, url).href : import.meta.resolve(name) }; };`.replaceAll('\n', ' ');

/** The modules of one bundle that ask where they are, and what they are told: the place that they have in the folder. */
export class ModulePlaces {
  /** By the name of the object that stands for `import.meta` in a module: its path. */
  private readonly paths = new Map<string, string>();

  constructor(
    private readonly folder: Folder,
    private readonly entry: { source: string; target: string },
    private readonly scripts: Scripts,
  ) {}

  /** The source of a module whose place matters, with that place put in; `undefined` for any other. */
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

  /** The bundle's text with the places of its modules. */
  fill(text: string, bytes: Uint8Array): Uint8Array {
    const used = [...this.paths].filter(([place]) => text.includes(place)).sort(([a], [b]) => (a < b ? -1 : 1));
    const root = JSON.stringify('../'.repeat(this.entry.target.split('/').length - 1) || './');
    const places = used.map(([place, path]) => `const ${place} = __dcfPlace(${JSON.stringify(encode(path))}, ${root});`);
    const at = text.indexOf(mark);
    if (at === -1) return bytes;
    const filled = used.length === 0 ? '' : [' ', placeMaker, ...places].join(' ');
    return Buffer.from(`${text.slice(0, at)}${filled}${text.slice(at + mark.length)}`);
  }

  /** JavaScript without comments in which `place` stands for what asks for the module's place; `undefined` where there is an error in it. */
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
      // The bundler finds the same error, and tells its place.
      return undefined;
    }
  }
}

/** Has a bundle's modules see the places that they have in the folder. */
export function modulePlaces(places: ModulePlaces): Plugin {
  return { name: 'places', setup: ({ onLoad }) => onLoad({ filter: /./, namespace: 'file' }, ({ path }) => places.load(path)) };
}

/** The bundler reads it for every other module; how decorators and fields are meant depends on it. */
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
