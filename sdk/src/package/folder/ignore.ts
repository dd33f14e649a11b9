import ignore, { type Ignore } from 'ignore';

/** The file that lists what is left out of a package, in the syntax of gitignore (https://git-scm.com/docs/gitignore). */
export const ignoreFileName = '.dcfignore';

/** What is left out by default: what other tools install, cache or write, and secrets. A `!pattern` in .dcfignore includes it again. */
const defaultPatterns = [
  ...['.git', '.hg', '.svn', '.jj'],
  ...['node_modules', 'venv', '.venv', '__pycache__', '*.py[co]'],
  ...['.env', '.env.*', '.envrc'],
  ...['.cache', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.hypothesis', '.ipynb_checkpoints', '.tox', '.nox', '.coverage'],
  ...['.eslintcache', '.parcel-cache', '.turbo', '*.tsbuildinfo', 'npm-debug.log*'],
  ...['.DS_Store', '._*', 'Thumbs.db', 'desktop.ini'],
  ...['*.sw[a-p]', '*~', '.#*', '\\#*#', '.idea', '.vscode'],
];

/** Decides which files and folders are left out of a package, and by which rule. All paths are relative to the function's folder. */
export class IgnoreRules {
  /** The rules of the .dcfignore files; if `start` is not the function's folder, only of those in and below `start`. */
  private readonly given = ignore({ ignorecase: false });
  private readonly defaults = ignore({ ignorecase: false }).add(defaultPatterns);

  /**
   * @param start - the folder to decide about; @default '' for the function's folder. The .dcfignore files above any other folder do not
   *   count, as the manifest names that folder
   */
  constructor(private readonly start = '') {
    const names = start === '' ? [] : start.split('/');
    for (let length = 1; length <= names.length; length++) this.defaults.add(`!/${literal(names.slice(0, length).join('/'))}/`);
  }

  /**
   * Adds the rules of a .dcfignore file. The files of outer folders must be added before those of inner ones.
   *
   * @param folder - the folder of the file
   */
  add(folder: string, text: string): void {
    const file = folder === '' ? ignoreFileName : `${folder}/${ignoreFileName}`;
    const counts = this.start === '' || folder === this.start || folder.startsWith(`${this.start}/`);
    for (const [index, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const rule = { pattern: anchor(folder, line), mark: `"${line.trim()}" in ${file}, line ${index + 1}` };
      if (counts) this.given.add(rule);
      if (namesSomething(line)) this.defaults.add(rule);
    }
  }

  /** The reason why a file or folder is left out; `undefined` if it is not. The folder that it is in must not be left out itself. */
  test(path: string, isFolder: boolean): string | undefined {
    const asked = isFolder ? `${path}/` : path;
    const mark = reason(this.given, asked);
    return mark ?? reason(this.defaults, asked);
  }

  /** Whether a `!pattern` includes a file or folder that would be left out by default. */
  takesIn(path: string, isFolder: boolean): boolean {
    return this.defaults.test(isFolder ? `${path}/` : path).unignored;
  }
}

function reason(rules: Ignore, path: string): string | undefined {
  const { ignored, rule } = rules.test(path);
  if (!ignored) return undefined;
  return rule?.mark ?? `left out by default ("!${rule?.pattern ?? path}" in ${ignoreFileName} takes it in)`;
}

/** The pattern of a line, as it would be written in the function's own folder. */
function anchor(folder: string, line: string): string {
  const [, negation = '', given = ''] = /^(!?)(.*)$/s.exec(line) ?? [];
  // In git `./name` matches nothing, but people write it for the name beside the file.
  const pattern = given.replace(/^(\.\/+)+/, '/');
  if (folder === '') return negation + pattern;
  const inner = pattern.replace(/^\\([!#])/, '$1');
  const isAnchored = /\/(?!\s*$)/.test(inner);
  return `${negation}/${literal(folder)}/${isAnchored ? inner.replace(/^\/+/, '') : `**/${inner}`}`;
}

/** Whether a line is a negation of a certain name, other than in `*`, `!*\/` and `!*.py`, which mean "nothing but Python". */
function namesSomething(line: string): boolean {
  const last = line.trim().replace(/\/+$/, '').split('/').at(-1) ?? '';
  return line.startsWith('!') && /[^!*?]/.test(last);
}

function literal(path: string): string {
  return path.replace(/[\\*?[\]!# ]/g, '\\$&');
}
