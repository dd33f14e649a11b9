// Checks that every comment and docstring says its subject: none may begin with words that leave the reader to guess what is meant.
// Exit code 1 with a line for each.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const subjectless = /^\s*(?:\/\*\*|\*|\/\/|#:?|""") ?(?:Of|The same|One that|So many)\b/;

const listed = execFileSync('git', ['ls-files', '*.ts', '*.mjs', '*.py'], { cwd: root, encoding: 'utf8' });
let problems = 0;
for (const path of listed.split('\n').filter(Boolean)) {
  const lines = readFileSync(`${root}/${path}`, 'utf8').split('\n');
  for (const [index, line] of lines.entries()) {
    if (!subjectless.test(line)) continue;
    console.error(`${path}:${index + 1} begins without its subject: ${line.trim()}`);
    problems += 1;
  }
}
if (problems > 0) process.exitCode = 1;
