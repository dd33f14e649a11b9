import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type CleanUp = () => Promise<void> | void;

/** What things are cleaned up with: a test's context, or `{ after }` of node:test for a whole file. */
export interface Owner {
  after(clean: CleanUp): void;
}

const stacks = new WeakMap<Owner, CleanUp[]>();

/**
 * Has something cleaned up when its owner ends. The last comes first, as a daemon has to end before its folder goes; node:test
 * itself goes from first to last. One that fails stops no other, and fails the test.
 */
export function cleanUp(owner: Owner, clean: CleanUp): void {
  const known = stacks.get(owner);
  if (known !== undefined) {
    known.push(clean);
    return;
  }
  const stack = [clean];
  stacks.set(owner, stack);
  owner.after(() => runAll(stack));
}

async function runAll(stack: CleanUp[]): Promise<void> {
  const errors: unknown[] = [];
  for (let clean = stack.pop(); clean !== undefined; clean = stack.pop()) {
    try {
      await clean();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors.length === 1 ? errors[0] : new AggregateError(errors);
}

/** A temporary folder, by its real path, that goes with its owner. */
export async function temporaryDirectory(owner: Owner): Promise<string> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'dcf-test-'));
  cleanUp(owner, () => rm(folder, { recursive: true, force: true }));
  return folder;
}
