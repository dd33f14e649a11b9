import { spawn } from 'node:child_process';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Nothing that is built here takes as long, not on a busy machine either. */
const buildMs = 30 * 60_000;

/** What cannot be built here: the reason is for users. */
export class CannotBuild extends Error {}

/** By the builder: the program that it is, and what a machine without it is told. */
const builders = {
  go: { build: buildGo, missing: 'there is no go on the PATH (https://go.dev/doc/install)' },
  cargo: { build: buildCargo, missing: 'there is no cargo on the PATH (https://rustup.rs)' },
};

/**
 * Builds a set's programs into a folder, which has them and nothing else in the end.
 *
 * @param {import('./sets.mjs').ToolSet} set
 * @param {string} folder - is made
 * @throws CannotBuild where the compiler or a package cannot be had
 */
export async function buildSet(set, folder) {
  const { build, missing } = builders[set.builder];
  if ((await run(set.builder, [set.builder === 'go' ? 'version' : '--version'], set.folder)).status !== 0) throw new CannotBuild(missing);
  // What the compiler keeps is several times as large as the programs, and serves no more once they are there.
  const scratch = `${folder}.scratch`;
  try {
    await mkdir(folder, { recursive: true });
    await build(set, folder, scratch);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function buildGo({ folder: module, programs }, folder, scratch) {
  const flags = ['-trimpath', '-buildvcs=false', '-mod=readonly', '-ldflags=-s -w'];
  const environment = { CGO_ENABLED: '0', GOCACHE: scratch, GOFLAGS: '', GOWORK: 'off' };
  await must('go', ['build', ...flags, '-o', `${folder}/`, ...Object.values(programs)], module, environment);
  for (const [name, path] of Object.entries(programs)) await rename(join(folder, basename(path)), join(folder, name));
}

async function buildCargo({ folder: module, programs }, folder, scratch) {
  await must('cargo', ['build', '--release', '--locked', '--quiet', '--target-dir', scratch], module, {});
  for (const [name, binary] of Object.entries(programs)) await rename(join(scratch, 'release', binary), join(folder, name));
}

async function must(command, args, cwd, environment) {
  const { status, output } = await run(command, args, cwd, environment);
  if (status !== 0) throw new CannotBuild(`${command} build ended with ${status}: ${lastWords(output)}`);
}

/** Runs a compiler to its end. Resolves with how it ended, 'ENOENT' where it is not there, and with all that it wrote. */
async function run(command, args, cwd, environment = {}) {
  // Not spawn's own timeout: its timer goes on where there is no such program, and keeps the process.
  const signal = AbortSignal.timeout(buildMs);
  const env = { ...process.env, ...environment };
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], env, signal, killSignal: 'SIGKILL' });
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.name === 'AbortError' ? `no end after ${buildMs / 60_000} minutes` : error.code));
    child.on('close', (code, signal) => resolve(code ?? signal));
  });
  const [out, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, output: out + errors };
}

/** The line that says what went wrong: the last that is not one of progress. */
function lastWords(output) {
  const lines = output.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^go: (downloading|added)/.test(line)).at(-1) ?? 'it said nothing';
}
