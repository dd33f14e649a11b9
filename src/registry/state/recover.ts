import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DcfError } from '../../core/errors.js';
import { type FunctionName, isFunctionName, type RevisionId } from '../../core/names.js';
import type { Blobs } from '../blobs/blobs.js';
import { materialize } from '../blobs/materialize.js';
import { exists, isStaging, removeFolder, unfinished } from '../disk/atomic-file.js';
import { diskError } from '../disk/disk-error.js';
import { buildLogOf, type Layout } from '../disk/layout.js';
import type { DamagedFunction, FunctionRecord } from '../model/function-record.js';
import { pruned, revisionsIn } from '../model/release.js';
import { remoteResources } from '../model/resources.js';
import type { Revision } from '../model/revision.js';
import { decodeState, type FunctionState } from './function-state.js';

/** The content of one function's folder. */
export type Loaded = { kind: 'whole'; record: FunctionRecord } | { kind: 'damaged'; function: DamagedFunction };

/**
 * Reads every function of a data directory, restores missing folders of revisions, and removes what a crash left: unfinished files, and
 * revisions that no `function.json` names. From a damaged function only unfinished files are removed.
 */
export async function loadFunctions(layout: Layout, blobs: Blobs): Promise<Loaded[]> {
  await mkdir(layout.functions, { recursive: true });
  const loaded: Loaded[] = [];
  for (const entry of await readdir(layout.functions, { withFileTypes: true })) {
    if (isStaging(entry.name)) await rm(join(layout.functions, entry.name), { recursive: true, force: true });
    // Other entries do not belong to the daemon.
    if (!entry.isDirectory() || !isFunctionName(entry.name)) continue;
    const found = await loadFunction(layout, blobs, entry.name);
    if (found !== undefined) loaded.push(found);
  }
  return loaded;
}

async function loadFunction(layout: Layout, blobs: Blobs, name: FunctionName): Promise<Loaded | undefined> {
  const directory = layout.function(name);
  const path = layout.state(name);
  // A crash during a first deploy, or during a delete.
  if (!(await exists(path))) {
    await removeFolder(directory);
    return undefined;
  }
  try {
    const entries = await readdir(directory);
    for (const entry of entries.filter(isHalfWritten)) await rm(join(directory, entry), { recursive: true, force: true });
    const state = decodeState(await readFile(path, 'utf8'), name, path);
    await removeOthers(directory, entries, state);
    return { kind: 'whole', record: await restore(layout, blobs, name, state) };
  } catch (error) {
    // Whatever the error is, the other functions have to be served.
    return { kind: 'damaged', function: { name, problem: diskError(error, layout.root, `load ${name}`).message } };
  }
}

/** Restores the folders of a function's revisions. A revision that is lost is dropped, unless the release needs it: then its error is thrown. */
async function restore(layout: Layout, blobs: Blobs, name: FunctionName, state: FunctionState): Promise<FunctionRecord> {
  const revisions: Revision[] = [];
  const needed = new Set<RevisionId>(revisionsIn(state));
  for (const kept of state.revisions) {
    const revision = { ...kept, name, directory: layout.revision(name, kept.id) };
    try {
      await materialize(revision, blobs);
      revisions.push(revision);
    } catch (error) {
      // Resources that can be downloaded are downloaded again when the function starts.
      if (await lacksDownload(revision, blobs)) revisions.push(revision);
      else if (needed.has(revision.id) || !DcfError.is(error)) throw error;
    }
  }
  const active = revisions.find((revision) => revision.id === state.active);
  if (active === undefined) throw new DcfError('DATA_LOSS', `${layout.state(name)} has no active revision`);
  const kept = new Set<string>(revisions.map((revision) => revision.id));
  return { ...pruned(state, kept), name, active, revisions };
}

async function lacksDownload({ manifest }: Revision, blobs: Blobs): Promise<boolean> {
  for (const { digest } of remoteResources(manifest)) if (!(await blobs.has(digest))) return true;
  return false;
}

async function removeOthers(directory: string, entries: readonly string[], state: FunctionState): Promise<void> {
  const kept = new Set<string>(state.revisions.flatMap(({ id }) => [id, buildLogOf(id)]));
  const others = entries.filter((entry) => isOfRevision(entry) && !kept.has(entry));
  for (const entry of others) await rm(join(directory, entry), { recursive: true, force: true });
}

function isHalfWritten(entry: string): boolean {
  return entry.endsWith(unfinished) || isStaging(entry);
}

/** Whether an entry of a function's folder is a revision or its build log. */
function isOfRevision(entry: string): boolean {
  return /^[0-9a-f]{16}(\.build\.log)?$/.test(entry);
}
