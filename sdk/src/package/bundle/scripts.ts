import { lstat } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import type { BuildOptions } from 'esbuild';
import type { Folder } from '../folder/folder.js';
import { bundleName } from '../folder/paths.js';
import { loadEsbuild } from './esbuild.js';

/** A module that imports one of these starts threads or processes with a script. */
const starters =
  /["'`](?:node:)?(?:worker_threads|child_process|cluster|piscina|tinypool|workerpool|poolifier|threads|jest-worker|worker-farm|synckit|bree)["'`/]/;

const typeScript: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
};

/** A text that ends like a script, whole or the end of a template. What an import or a `require` names is none: the bundler follows it. */
const scriptText = /(?<!\bfrom |\bimport |\bimport\(|\brequire\()(["'`}])([^"'`\\\n${}]{1,300}\.[cm]?[jt]sx?)(?=["'`])/g;

interface Naming {
  /** Path of the module, relative to the folder. */
  path: string;
  /** The name of what stands for its `import.meta`. */
  place: string;
  /** Whether it starts threads or processes. */
  starts: boolean;
  /** The bundle that it goes into. */
  entry: { source: string; target: string };
}

/**
 * The scripts that a function's modules start threads and processes with. One that Node cannot run as it lies in the package, above all
 * TypeScript, becomes a bundle beside its source, `worker.ts.mjs`, and is called that where it is named.
 */
export class Scripts {
  private readonly waiting: string[] = [];
  private readonly found = new Set<string>();
  private readonly bundled = new Map<string, Promise<boolean>>();

  constructor(
    private readonly folder: Folder,
    private readonly options: BuildOptions,
  ) {}

  /** Where the bundle of a script lies, relative to the folder as the script is. */
  nameOf(script: string): string {
    return `${script}.mjs`;
  }

  /** A script that is to be bundled and was not given before. */
  next(): string | undefined {
    // In a fixed order, whatever came first.
    this.waiting.sort();
    return this.waiting.shift();
  }

  /** Whether a module's source starts threads or processes. */
  startsOthers(source: string): boolean {
    return starters.test(source);
  }

  /** A module's code with the names that its scripts have in the package, and the name that the module itself has there. */
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

  /** What a module is called in the package. One that starts others with itself has to be there. */
  private async selfOf(code: string, { path, place, starts, entry }: Naming): Promise<string> {
    if (path === entry.source && (entry.target !== bundleName || !path.includes('/'))) return entry.target;
    const naming = starts && namesItself(code, place);
    if (!isTypeScript(path) && !(naming && (await this.needsBundle(path)))) return path;
    if (naming) this.add(path);
    return this.nameOf(path);
  }

  /**
   * The file that a text names, behind the parts of a path before it or by itself; from the module's folder or, as Node starts a function
   * there, from the function's; if there is one.
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

  /** The file at a path, or the TypeScript that a path of JavaScript means. */
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

  /** Whether JavaScript imports what is not in the package as it is: TypeScript, or a package that nobody installs. */
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
      // It may be no script at all, but something for a browser. What is wrong with it shows when it is started.
      return false;
    }
  }
}

/** The texts before an argument, as of `join(folder, 'lib', 'worker.ts')`. */
function partsBefore(code: string, index: number): string[] {
  const [list = ''] = /(?:(["'`])[^"'`\\\n$]*\1,\s+)+$/.exec(code.slice(Math.max(0, index - 200), index)) ?? [];
  return [...list.matchAll(/(["'`])(.*?)\1/g)].map(([, , part = '']) => part);
}

function isTypeScript(path: string): boolean {
  return /\.([cm]?ts|tsx|jsx)$/.test(path);
}

/** Whether code uses the place of its own file, and not only as what others are found from. */
function namesItself(code: string, place: string): boolean {
  const self = `${place}\\.(?:url|filename)`;
  const others = new RegExp(
    `new URL\\([^()]*, ${self}\\)|\\bcreateRequire\\(${self}\\)|\\bdirname\\((?:\\w+\\.)?(?:fileURLToPath\\()?${self}\\)`,
    'g',
  );
  return new RegExp(self).test(code.replace(others, ''));
}
