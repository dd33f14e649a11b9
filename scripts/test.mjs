// Runs the tests on the built output. Arguments narrow them down: npm test -- unit/wire, or --tier unit, integration or faults.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sharingProcesses } from './shared-process.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'dist', 'test');

function testFiles(path) {
  if (statSync(path).isDirectory()) return readdirSync(path).flatMap((name) => testFiles(join(path, name)));
  // The output of a test whose source is gone stays in dist.
  const source = join(root, 'test', relative(folder, path).replace(/js$/, 'ts'));
  return path.endsWith('.test.js') && existsSync(source) ? [path] : [];
}

const isUnit = (path) => path.startsWith('unit/');
const isFault = (path) => path.startsWith('integration/faults/');
/** Which tests, by their path, are in which tier; without a tier all run. */
const tiers = {
  unit: isUnit,
  integration: (path) => !isUnit(path) && !isFault(path),
  faults: isFault,
};
/** Test files that run at the same time: more would only make the machine's two cores a part of what is tested. */
const concurrency = 2;

const [option, tier, ...others] = process.argv.slice(2);
const wanted = option === '--tier' ? others : process.argv.slice(2);
if (option === '--tier' && !Object.hasOwn(tiers, tier)) {
  console.error(`--tier ${tier}: allowed: ${Object.keys(tiers).join(', ')}`);
  process.exit(2);
}
const inTier = option === '--tier' ? tiers[tier] : () => true;
const files = testFiles(folder).filter((file) => {
  const path = relative(folder, file);
  return inTier(path) && (wanted.length === 0 || wanted.some((part) => path.startsWith(part)));
});
if (files.length === 0) {
  console.error(`no test is called ${wanted.join(', ')}`);
  process.exit(1);
}
/** Makes a unit test fail that starts a process. */
const guard = option === '--tier' && tier === 'unit' ? ['--import', pathToFileURL(join(root, 'scripts', 'no-process.mjs')).href] : [];
const { testEnvironment } = await import(pathToFileURL(join(folder, 'support', 'test-environment.js')).href);
const environment = await testEnvironment(files, process.env, (line) => console.log(line));
const reporter = pathToFileURL(join(root, 'scripts', 'test-reporter.mjs')).href;
const shared = join(tmpdir(), `dcf-tests-${process.pid}`);
const unit = files.filter((file) => isUnit(relative(folder, file)));
const started = [...files.filter((file) => !unit.includes(file)).sort(), ...sharingProcesses(unit.sort(), shared, concurrency)];
// The limit is for a whole process: one that takes half a minute on a quiet machine may take ten minutes on a busy one.
const child = spawn(
  process.execPath,
  [
    ...guard,
    '--enable-source-maps',
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-timeout=1200000',
    `--test-reporter=${reporter}`,
    ...started,
  ],
  { stdio: 'inherit', env: { ...process.env, ...environment } },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  rmSync(shared, { recursive: true, force: true });
  if (signal !== null) console.error(`the tests were ended by ${signal}`);
  process.exit(code ?? 1);
});
