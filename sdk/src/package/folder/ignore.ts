import ignore, { type Ignore } from 'ignore';

/** The file whose lines say what a package is not to have: gitignore syntax, https://git-scm.com/docs/gitignore. */
export const ignoreFileName = '.dcfignore';

/** What is no part of a function: what others install, cache, edit or keep secret. A `!pattern` in .dcfignore takes it in. */
const defaultPatterns = [
  ...['.git', '.hg', '.svn', '.jj'],
  ...['node_modules', 'venv', '.venv', '__pycache__', '*.py[co]'],
  ...['.env', '.env.*', '.envrc'],
  ...['.cache', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.hypothesis', '.ipynb_checkpoints', '.tox', '.nox', '.coverage'],
  ...['.eslintcache', '.parcel-cache', '.turbo', '*.tsbuildinfo', 'npm-debug.log*'],
  ...['.DS_Store', '._*', 'Thumbs.db', 'desktop.ini'],
  ...['*.sw[a-p]', '*~', '.#*', '\\#*#', '.idea', '.vscode'],
];

/** Which files and folders stay out of a package, and which rule says so. All paths are relative to the function's folder. */
export class IgnoreRules {
  /** What the .dcfignore files say; where it is not asked for the whole folder, those below `start` alone. */
  private readonly given = ignore({ ignorecase: false });
  private readonly defaults = ignore({ ignorecase: false }).add(defaultPatterns);

  /**
   * @param start - the folder for which the rules are asked; '' for the function's own. What .dcfignore files above another one
   *   leave out is in all the same, for the manifest names it
   */
  constructor(private readonly start = '') {
    const names = start === '' ? [] : start.split('/');
    for (let length = 1; length <= names.length; length++) this.defaults.add(`!/${literal(names.slice(0, length).join('/'))}/`);
  }

  /**
   * Adds the rules of a .dcfignore; those of a folder are to come before those of the folders in it.
   *
   * @param folder - where the file lies
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

  /** Why a file or folder stays out; `undefined` when it does not. Its own folder must not stay out. */
  test(path: string, isFolder: boolean): string | undefined {
    const asked = isFolder ? `${path}/` : path;
    const mark = reason(this.given, asked);
    return mark ?? reason(this.defaults, asked);
  }

  /** Whether a `!pattern` names a file or folder that would stay out by default. */
  takesIn(path: string, isFolder: boolean): boolean {
    return this.defaults.test(isFolder ? `${path}/` : path).unignored;
  }
}

function reason(rules: Ignore, path: string): string | undefined {
  const { ignored, rule } = rules.test(path);
  if (!ignored) return undefined;
  return rule?.mark ?? `left out by default ("!${rule?.pattern ?? path}" in ${ignoreFileName} takes it in)`;
}

/** A line as it would stand in the function's own folder. */
function anchor(folder: string, line: string): string {
  const [, negation = '', given = ''] = /^(!?)(.*)$/s.exec(line) ?? [];
  // git takes `./name` for no path at all; people write it for the name beside the file.
  const pattern = given.replace(/^(\.\/+)+/, '/');
  if (folder === '') return negation + pattern;
  const inner = pattern.replace(/^\\([!#])/, '$1');
  const isAnchored = /\/(?!\s*$)/.test(inner);
  return `${negation}/${literal(folder)}/${isAnchored ? inner.replace(/^\/+/, '') : `**/${inner}`}`;
}

/** Whether a line is a negation that does not match just any name, as those of `*`, `!*\/` and `!*.py` for "nothing but Python" do. */
function namesSomething(line: string): boolean {
  const last = line.trim().replace(/\/+$/, '').split('/').at(-1) ?? '';
  return line.startsWith('!') && /[^!*?]/.test(last);
}

function literal(path: string): string {
  return path.replace(/[\\*?[\]!# ]/g, '\\$&');
}
