// Runs the tests on the built output. Arguments narrow them down: npm test -- unit/wire
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'dist', 'test');

function testFiles(path) {
  if (statSync(path).isDirectory()) return readdirSync(path).flatMap((name) => testFiles(join(path, name)));
  return path.endsWith('.test.js') ? [path] : [];
}

const wanted = process.argv.slice(2);
const files = testFiles(folder).filter((file) => wanted.length === 0 || wanted.some((part) => relative(folder, file).startsWith(part)));
if (files.length === 0) {
  console.error(`no test is called ${wanted.join(', ')}`);
  process.exit(1);
}
const { testEnvironment } = await import(pathToFileURL(join(folder, 'support', 'test-environment.js')).href);
const environment = await testEnvironment(files, process.env, (line) => console.log(line));
const reporter = pathToFileURL(join(root, 'scripts', 'test-reporter.mjs')).href;
// Two at a time: more would only make the machine's two cores a part of what is tested. The limit is one of a whole file, and such as
// take half a minute alone take ten where others use the machine as well.
const child = spawn(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-concurrency=2', '--test-timeout=1200000', `--test-reporter=${reporter}`, ...files.sort()],
  { stdio: 'inherit', env: { ...process.env, ...environment } },
);
child.on('exit', (code, signal) => {
  if (signal !== null) console.error(`the tests were ended by ${signal}`);
  process.exit(code ?? 1);
});
