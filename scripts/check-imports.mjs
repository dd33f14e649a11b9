// Checks the import rules of scripts/imports/rules.mjs on all TypeScript and Python that is shipped. Exit code 1 with a line for each problem.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importProblems } from './imports/problems.mjs';
import * as rules from './imports/rules.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const filesIn = (folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`);
// Generated files have no imports of their own; the client's package shows the runtime's by a link.
const left = /^sdk\/(src\/generated|python\/src\/dcf_worker)/;
const paths = ['src', 'sdk/src', 'sdk/python/src'].flatMap(filesIn).filter((path) => /\.(ts|py)$/.test(path) && !left.test(path));
const sources = new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
const problems = importProblems(sources, rules);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;
else console.log(`Checked the imports of ${sources.size} files.`);
