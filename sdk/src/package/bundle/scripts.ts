import { lstat } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import type { BuildOptions } from 'esbuild';
import type { Folder } from '../folder/folder.js';
import { bundleName } from '../folder/paths.js';
import { loadEsbuild } from './esbuild.js';

/** The packages by which a module starts threads or processes with a script. */
const starters =
  /["'`](?:node:)?(?:worker_threads|child_process|cluster|piscina|tinypool|workerpool|poolifier|threads|jest-worker|worker-farm|synckit|bree)["'`/]/;

const typeScript: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
};

/** A text, or the end of a template, that ends like the name of a script. Texts of an import or a `require` do not match: the bundler follows these. */
const scriptText = /(?<!\bfrom |\bimport |\bimport\(|\brequire\()(["'`}])([^"'`\\\n${}]{1,300}\.[cm]?[jt]sx?)(?=["'`])/g;

/** A module in whose code scripts are to be renamed. */
interface Naming {
  /** Path of the module, relative to the folder. */
  path: string;
  /** The name of the object that replaces its `import.meta`. */
  place: string;
  /** Whether it starts threads or processes. */
  starts: boolean;
  /** The bundle that it belongs to. */
  entry: { source: string; target: string };
}

/**
 * The scripts that a function's modules start threads and processes with. A script that Node cannot run as it is, such as TypeScript, is
 * bundled into a file beside its source, such as `worker.ts.mjs`, and the modules that name it get the new name.
 */
export class Scripts {
  private readonly waiting: string[] = [];
  private readonly found = new Set<string>();
  private readonly bundled = new Map<string, Promise<boolean>>();

  constructor(
    private readonly folder: Folder,
    private readonly options: BuildOptions,
  ) {}

  /** The path of a script's bundle, relative to the folder. */
  nameOf(script: string): string {
    return `${script}.mjs`;
  }

  /** The next script to bundle; `undefined` if there is none. */
  next(): string | undefined {
    // In a fixed order, which does not depend on the order in which they were found.
    this.waiting.sort();
    return this.waiting.shift();
  }

  /** Whether a module's source starts threads or processes. */
  startsOthers(source: string): boolean {
    return starters.test(source);
  }

  /** The code of a module with the names that its scripts have in the package, and the module's own name there. */
  async nameIn(code: string, { path, place, starts, entry }: Naming): Promise<{ contents: string; self: string }> {
    let contents = '';
    let copied = 0;
    for (const { 0: whole, 2: text = '', index } of code.matchAll(scriptText)) {
      const script = await this.scriptOf([...partsBefore(code, index), ''], text, path);
      if (script === undefined) continue;
      if (!isTypeScript(script) && !(starts && (await this.needsBundle(script)))) continue;
      this.add(script);
      const end = index + whole.length;
      contents += `${code.slice(copied, end - extname(text).length)}${extname(script)}.mjs`;
      copied = end;
    }
    contents += code.slice(copied);
    return { contents, self: await this.selfOf(code, { path, place, starts, entry }) };
  }

  /** The name of a module in the package. A module that starts threads or processes with its own file has to be in the package. */
  private async selfOf(code: string, { path, place, starts, entry }: Naming): Promise<string> {
    if (path === entry.source && (entry.target !== bundleName || !path.includes('/'))) return entry.target;
    const naming = starts && namesItself(code, place);
    if (!isTypeScript(path) && !(naming && (await this.needsBundle(path)))) return path;
    if (naming) this.add(path);
    return this.nameOf(path);
  }

  /**
   * The script that a text names, with the parts of a path before it or without them; `undefined` if there is none. The path may begin in the
   * folder of the module, or in that of the function, which is the working directory.
   */
  private async scriptOf(parts: readonly string[], text: string, from: string): Promise<string | undefined> {
    for (const named of new Set([parts.join('/') + text, text])) {
      for (const base of [join(from, '..'), '.']) {
        const script = await this.sourceOf(normalize(join(base, named)));
        if (script !== undefined) return script;
      }
    }
    return undefined;
  }

  /** The file at a path; for a path of JavaScript also the TypeScript file that it stands for. */
  private async sourceOf(path: string): Promise<string | undefined> {
    if (path.startsWith('..') || path.startsWith('/') || path.includes('node_modules/')) return undefined;
    const extension = extname(path);
    const stem = path.slice(0, path.length - extension.length);
    for (const candidate of [path, ...(typeScript[extension] ?? []).map((other) => stem + other)]) {
      if (await this.isFile(candidate)) return candidate;
    }
    return undefined;
  }

  private async isFile(path: string): Promise<boolean> {
    return await lstat(join(this.folder.real, path)).then(
      (status) => status.isFile(),
      () => false,
    );
  }

  private add(script: string): void {
    if (this.found.has(script)) return;
    this.found.add(script);
    this.waiting.push(script);
  }

  /** Whether a script imports something that Node would not find in the package: TypeScript, or a package that is not installed. */
  private needsBundle(script: string): Promise<boolean> {
    let needs = this.bundled.get(script);
    if (needs === undefined) {
      needs = this.look(script);
      this.bundled.set(script, needs);
    }
    return needs;
  }

  private async look(script: string): Promise<boolean> {
    const esbuild = await loadEsbuild();
    try {
      const { metafile } = await esbuild.build({ ...this.options, entryPoints: [join(this.folder.real, script)], outfile: 'script.mjs' });
      const inputs = Object.keys(metafile?.inputs ?? {});
      return inputs.some((input) => isTypeScript(input) || input.startsWith('..') || input.includes('node_modules/'));
    } catch {
      // It may be code for a browser, and not a script. If something is wrong with it, starting it will show that.
      return false;
    }
  }
}

/** The texts before an argument: for `join(folder, 'lib', 'worker.ts')`, the text `lib`. */
function partsBefore(code: string, index: number): string[] {
  const [list = ''] = /(?:(["'`])[^"'`\\\n$]*\1,\s+)+$/.exec(code.slice(Math.max(0, index - 200), index)) ?? [];
  return [...list.matchAll(/(["'`])(.*?)\1/g)].map(([, , part = '']) => part);
}

function isTypeScript(path: string): boolean {
  return /\.([cm]?ts|tsx|jsx)$/.test(path);
}

/** Whether code uses the path of its own file in another way than to find other files from it. */
function namesItself(code: string, place: string): boolean {
  const self = `${place}\\.(?:url|filename)`;
  const others = new RegExp(
    `new URL\\([^()]*, ${self}\\)|\\bcreateRequire\\(${self}\\)|\\bdirname\\((?:\\w+\\.)?(?:fileURLToPath\\()?${self}\\)`,
    'g',
  );
  return new RegExp(self).test(code.replace(others, ''));
}
