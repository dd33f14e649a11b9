/** Something that a test does with a page, in the order of the page. */
export interface Step {
  /** The line on which it stands, from 1. */
  line: number;
  /** The heading of the second level above it; '' before the first. */
  section: string;
  /** The language of the block; '' where it names none, undefined for a hidden script. */
  language: string | undefined;
  /** The block as a reader copies it; the script where it is hidden. */
  text: string;
  directive: Directive;
}

/**
 * What the comment before a block says, which no reader sees:
 * `<!-- test: skip: REASON -->`, `<!-- test: needs NAME…: REASON -->` (skipped unless
 * each variable, in capitals, is set and each program is on the path), `<!-- test: daemon -->`
 * (the block starts the daemon of what follows), `<!-- test: file PATH -->` (the block is this file). Further lines of the comment
 * are a script that runs after the block. `<!-- test: setup` with further lines stands by itself: a script of its own.
 */
export interface Directive {
  kind: 'plain' | 'skip' | 'needs' | 'daemon' | 'file';
  /** Why it is skipped. */
  reason: string;
  /** The file's path, or the names of what is needed. */
  name: string;
  /** What runs after the block. */
  script: string;
}

const plain: Directive = { kind: 'plain', reason: '', name: '', script: '' };

/**
 * Reads a page of Markdown.
 *
 * @throws Error for a directive that is not known, that no block follows, or a block that does not end; with its line
 */
export function readPage(text: string): Step[] {
  const lines = text.split('\n');
  const steps: Step[] = [];
  let section = '';
  let waiting: { line: number; directive: Directive } | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    if (line.startsWith('## ')) section = line.slice('## '.length);
    const fence = /^( *)(`{3,})(\S*)/.exec(line);
    if (fence !== null) {
      const [, indent = '', ticks = '', language = ''] = fence;
      const end = lines.findIndex((candidate, index) => index > at && candidate.trim() === ticks);
      if (end === -1) throw new Error(`line ${at + 1}: the block has no end`);
      const content = lines.slice(at + 1, end).map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each));
      steps.push({ line: at + 1, section, language, text: `${content.join('\n')}\n`, directive: waiting?.directive ?? plain });
      waiting = undefined;
      at = end;
      continue;
    }
    if (waiting !== undefined && line.trim() !== '') throw new Error(`line ${waiting.line}: no block follows this comment`);
    if (!line.startsWith('<!-- test:')) continue;
    const end = lines.findIndex((candidate, index) => index >= at && candidate.trimEnd().endsWith('-->'));
    const [head = '', ...rest] = lines
      .slice(at, end + 1)
      .join('\n')
      .replace(/^<!-- test:\s*/, '')
      .replace(/\s*-->\s*$/, '')
      .split('\n');
    if (head === 'setup') steps.push({ line: at + 1, section, language: undefined, text: `${rest.join('\n')}\n`, directive: plain });
    else waiting = { line: at + 1, directive: readDirective(head, rest.join('\n'), at + 1) };
    at = end;
  }
  if (waiting !== undefined) throw new Error(`line ${waiting.line}: no block follows this comment`);
  return steps;
}

function readDirective(head: string, script: string, line: number): Directive {
  const skip = /^skip: (.+)$/.exec(head);
  if (skip !== null) return { ...plain, kind: 'skip', reason: skip[1] ?? '', script };
  const needs = /^needs ([\w -]+): (.+)$/.exec(head);
  if (needs !== null) return { kind: 'needs', name: needs[1] ?? '', reason: needs[2] ?? '', script };
  const file = /^file (\S+)$/.exec(head);
  if (file !== null) return { ...plain, kind: 'file', name: file[1] ?? '', script };
  if (head === 'daemon') return { ...plain, kind: 'daemon', script };
  if (head === 'then') return { ...plain, script };
  throw new Error(`line ${line}: "${head}" is none of skip: REASON, needs NAME…: REASON, daemon, file PATH, then, setup`);
}
