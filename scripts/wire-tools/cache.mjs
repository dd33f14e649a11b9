import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { buildSet, CannotBuild } from './build.mjs';
import { withLock } from './lock.mjs';

/** Programs that nobody used for so long are removed. */
const keptMs = 30 * 24 * 3_600_000;
/** What a builder that was killed left there is removed after so long. */
const leftOverMs = 3_600_000;
/** So long is a reason why there are none good for others who ask, such as the next test file. */
const reasonMs = 5 * 60_000;

/**
 * Gives the folder with the programs of a set, which are built the first time and found from then on. Any number may ask at once: one
 * builds, the others wait for it.
 *
 * @param {string} name - of the set
 * @param {import('./sets.mjs').ToolSet} set
 * @param {object} how
 * @param {(line: string) => void} how.onOutput - told what takes long, before it does
 * @param {boolean} [how.isRetry] - whether to try again what could not be built a moment ago
 * @param {string} [how.cache] - the folder with all sets. Default: `dcf-wire-tools` in the user's cache folder
 * @returns {Promise<string>}
 * @throws CannotBuild that says why there are none
 */
export async function programsOf(name, set, { onOutput, isRetry = false, cache = defaultCache() }) {
  const place = join(cache, `${name}-${await digestOf(set)}`);
  if (await isThere(place)) return place;
  const lock = createHash('sha256').update(`${process.getuid?.()} ${place}`).digest('hex');
  return await withLock(`dcf-wire-tools-${lock}`, async () => {
    if (await isThere(place)) return place;
    const reason = isRetry ? undefined : await freshReason(place);
    if (reason !== undefined) throw new CannotBuild(reason);
    await mkdir(cache, { recursive: true });
    await sweep(cache);
    onOutput(`building ${Object.keys(set.programs).join(', ')}, once, into ${place} …`);
    const folder = join(cache, randomUUID());
    try {
      await buildSet(set, folder);
      await rename(folder, place);
    } catch (error) {
      if (error instanceof CannotBuild) await writeFile(reasonFile(place), error.message);
      throw error;
    }
    await rm(reasonFile(place), { force: true });
    return place;
  });
}

/** https://specifications.freedesktop.org/basedir-spec/latest/ */
function defaultCache() {
  const given = process.env['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(given) ? given : join(homedir(), '.cache'), 'dcf-wire-tools');
}

/** A digest that changes with all that decides what the programs are. */
async function digestOf({ builder, folder, programs }) {
  const hash = createHash('sha256').update(JSON.stringify([builder, programs, process.platform, process.arch]));
  const files = (await readdir(folder, { recursive: true })).filter((path) =>
    /(^|\/)(go\.(mod|sum)|Cargo\.(toml|lock)|.*\.(go|rs))$/.test(path),
  );
  for (const path of files.sort()) hash.update(`\0${path}\0`).update(await readFile(join(folder, path)));
  return hash.digest('hex').slice(0, 16);
}

/** Whether they are there, which then count as used. */
async function isThere(place) {
  const now = new Date();
  return await utimes(place, now, now).then(
    () => true,
    () => false,
  );
}

const reasonFile = (place) => `${place}.reason`;

async function freshReason(place) {
  const file = await stat(reasonFile(place)).catch(() => undefined);
  return file !== undefined && file.mtimeMs > Date.now() - reasonMs ? await readFile(reasonFile(place), 'utf8') : undefined;
}

async function sweep(cache) {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    const used = await stat(path).catch(() => undefined);
    const keep = /^[0-9a-f]{8}-/.test(name) ? leftOverMs : keptMs;
    if (used !== undefined && used.mtimeMs < Date.now() - keep) await rm(path, { recursive: true, force: true });
  }
}
