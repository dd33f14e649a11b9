import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../programs.js';
import { readPage, type Step } from './page.js';

const otherLanguages = 'docs/other-languages.md';
/** The pages on how a Handler is written. */
const writing = ['writing-functions-typescript', 'writing-functions-python', 'streams', 'nested-calls', 'http'].map(
  (name) => `docs/${name}.md`,
);

/** The parts of the documents, by page and section; none takes as long as a file of tests may. */
export const parts: Readonly<
  Record<'start' | 'writing' | 'docs' | 'go' | 'java' | 'node' | 'python' | 'services', (page: string, section: string) => boolean>
> = {
  start: (page) => page === 'README.md',
  writing: (page) => writing.includes(page),
  docs: (page) => page !== 'README.md' && page !== otherLanguages && !writing.includes(page) && !page.startsWith('functions/'),
  go: (page, section) => page === otherLanguages && section === 'Go',
  java: (page, section) => page === otherLanguages && section === 'Java',
  node: (page) => page.startsWith('functions/') && !page.startsWith('functions/python-') && !isService(page),
  python: (page) => page.startsWith('functions/python-'),
  services: isService,
};

/** Whether a page is of a function that shows how a real service is made: what it installs takes a while. */
function isService(page: string): boolean {
  return ['text-reader', 'voice-detector', 'file-types'].some((name) => page.startsWith(`functions/${name}/`));
}

/** Every page of the documents, relative to the checkout. */
export function pages(): string[] {
  const under = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path));
  const all = [...readdirSync(root), 'sdk/python/README.md', 'bench/README.md', ...under('docs'), ...under('functions')];
  return all.filter((path) => path.endsWith('.md') && !path.includes('node_modules'));
}

/** What a page has to copy, in its order. */
export function stepsOf(page: string): Step[] {
  return readPage(readFileSync(join(root, page), 'utf8'));
}
