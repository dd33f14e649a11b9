import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** A link of a page that leads nowhere. */
export interface BrokenLink {
  /** The line on which it stands, from 1. */
  line: number;
  target: string;
  problem: string;
}

/**
 * Finds the links of a page to files and anchors that do not exist. Links to the web and everything in code are left out.
 *
 * @param root - the folder of the checkout; a link out of it is broken
 * @param page - the page's path from there
 */
export function brokenLinks(root: string, page: string): BrokenLink[] {
  return linksOf(readFileSync(join(root, page), 'utf8')).flatMap(({ line, target }) => {
    const problem = problemOf(root, page, target);
    return problem === undefined ? [] : [{ line, target, problem }];
  });
}

/** The targets of a page's links and images, with their lines. */
export function linksOf(text: string): { line: number; target: string }[] {
  return proseOf(text).flatMap(({ line, content }) => {
    const plain = content.replaceAll(/`[^`]*`/g, (code) => '`'.padEnd(code.length, '`'));
    return [...plain.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => ({ line, target }));
  });
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(text: string): Set<string> {
  const found = new Set<string>();
  for (const { content } of proseOf(text)) {
    const [, heading] = /^#{1,6} +(.*?)\s*$/.exec(content) ?? [];
    if (heading === undefined) continue;
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(/\s/g, '-');
    let unique = anchor;
    for (let count = 1; found.has(unique); count++) unique = `${anchor}-${count}`;
    found.add(unique);
  }
  return found;
}

/** The lines of a page that are not in a block of code or in a comment. */
function proseOf(text: string): { line: number; content: string }[] {
  const found: { line: number; content: string }[] = [];
  let fence: string | undefined;
  let inComment = false;
  for (const [index, content] of text.split('\n').entries()) {
    const [, ticks] = /^ *(`{3,})/.exec(content) ?? [];
    if (fence !== undefined) {
      if (content.trim() === fence) fence = undefined;
    } else if (inComment || content.startsWith('<!--')) {
      inComment = !content.trimEnd().endsWith('-->');
    } else if (ticks !== undefined) fence = ticks;
    else found.push({ line: index + 1, content });
  }
  return found;
}

function problemOf(root: string, page: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [path = '', anchor] = target.split('#', 2);
  const file = path === '' ? join(root, page) : join(root, dirname(page), path);
  if (relative(root, file).startsWith('..')) return 'it leads out of the checkout';
  if (!existsSync(file)) return 'there is no such file';
  if (anchor === undefined) return undefined;
  if (!file.endsWith('.md') || statSync(file).isDirectory()) return 'only pages have anchors';
  return anchorsOf(readFileSync(file, 'utf8')).has(anchor) ? undefined : 'there is no such heading';
}
