import { after, before, describe, test } from 'node:test';
import { cleanUp } from '../cleanup.js';
import { type DeclaredRow, isRecorded } from './declarations.js';
import { playAlone } from './play.js';
import { type DaemonScene, Scene } from './scene.js';
import { type RowLimits, type SectionSettings, Stage } from './stage.js';

export interface RowSettings extends RowLimits {
  /** Why the row cannot be played here. */
  skip?: string | undefined;
  /** Why the product does not keep to it yet. */
  todo?: string;
}

/** Declares a row: the fault, what is expected of it (docs/faults.md has both), and how it is brought about and seen. */
export type DeclareRow<On> = (fault: string, expected: string, play: (scene: On) => Promise<void>, settings?: RowSettings) => void;

interface Declared<On> extends DeclaredRow {
  play: (scene: On) => Promise<void>;
  settings: RowSettings;
}

/** Only /proc tells what a process holds. */
const notHere = process.platform === 'linux' ? undefined : 'needs /proc';

/**
 * A section of the fault matrix whose rows share one daemon that has to survive them all. In every row 100 calls to another
 * function succeed; each call is answered once and in time; and descriptors, processes, slots and memory come back.
 */
export function faults(title: string, settings: SectionSettings, declare: (row: DeclareRow<DaemonScene>) => void): void {
  const rows = collect(declare);
  if (isRecorded({ title, rows })) return;
  describe(title, () => {
    const stage = stageFor(settings);
    for (const row of rows) test(row.fault, testOptions(row.settings), async (t) => (await stage()).play(t, row.play, row.settings));
  });
}

/** A section whose faults end daemons: each row starts its own. The ledger is kept, and no process may be left. */
export function daemonFaults(title: string, declare: (row: DeclareRow<Scene>) => void): void {
  const rows = collect(declare);
  if (isRecorded({ title, rows })) return;
  describe(title, () => {
    for (const row of rows) {
      test(row.fault, testOptions(row.settings), async (t) => {
        const scene = new Scene(t, (text) => t.diagnostic(text));
        await playAlone(scene, () => row.play(scene));
      });
    }
  });
}

function collect<On>(declare: (row: DeclareRow<On>) => void): Declared<On>[] {
  const rows: Declared<On>[] = [];
  declare((fault, expected, play, settings = {}) => void rows.push({ fault, expected, todo: settings.todo, play, settings }));
  return rows;
}

function testOptions({ skip = notHere, todo }: RowSettings) {
  return { ...(skip === undefined ? {} : { skip }), ...(todo === undefined ? {} : { todo }) };
}

/** The stage of a section, opened before its first row and gone after its last. */
function stageFor(settings: SectionSettings): () => Promise<Stage> {
  const owner = { after };
  // What a hook registers would end with the hook; this belongs to the section.
  cleanUp(owner, () => undefined);
  let opening: Promise<Stage> | undefined;
  const open = (): Promise<Stage> => {
    opening ??= Stage.open(owner, settings);
    return opening;
  };
  if (notHere === undefined) before(async () => void (await open()));
  return open;
}
