// Writes docs/faults.md from what test/integration/faults declares; with --check, says whether it is up to date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = join(root, 'dist', 'test');
const target = join(root, 'docs', 'faults.md');
const { recordDeclarations } = await import(pathToFileURL(join(built, 'support/faults/declarations.js')).href);

const sections = recordDeclarations();
const folder = join(built, 'integration/faults');
for (const name of readdirSync(folder).sort()) {
  if (name.endsWith('.test.js')) await import(pathToFileURL(join(folder, name)).href);
}

const cell = (text) => text.replaceAll('|', '\\|');
const tables = sections.map(({ title, rows }) => {
  const lines = rows.map(
    ({ fault, expected, todo }) => `| ${cell(fault)} | ${cell(expected)}${todo ? `. **Not yet:** ${cell(todo)}` : ''} |`,
  );
  return [`## ${title}`, '', '| fault | what the caller gets, what happens |', '| --- | --- |', ...lines, ''].join('\n');
});
const count = sections.reduce((sum, { rows }) => sum + rows.length, 0);
const text = `# Faults

What may go wrong, and what then happens. Each of the ${count} rows is a test in \`test/integration/faults\`, which brings the fault
about on a real daemon: a process of its own, real sockets, real functions. This page is made from those tests
(\`node scripts/fault-table.mjs\`), and a test fails when it is not up to date.

In every row, whatever else it checks:

- A ledger of the client shows that each call was answered exactly once, and none later than 250 ms after its deadline.
- At least 100 calls to another function are made from before the fault until after it, and all succeed with their own bytes.
- The daemon's process is the same as before, and its log has no mistake of its own.
- The daemon's open descriptors, its child processes and its resident memory (100 MiB more are allowed, for what V8 has not
  collected yet) come back to where they were before the row, its slots and queues are empty, and every byte of
  \`--max-bytes-in-flight\` can be used again.

Where the fault ends the daemon itself, the ledger is kept as well, and no process of it may be left.
\`test/integration/faults/frame\` breaks each of these rules once and sees that it is caught.

${tables.join('\n')}`;

if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('docs/faults.md is not up to date: run "node scripts/fault-table.mjs"');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
