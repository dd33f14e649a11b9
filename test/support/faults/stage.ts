import type { TestContext } from 'node:test';
import { cleanUp, type Owner } from '../cleanup.js';
import { type DaemonSettings, startDaemon, type TestDaemon } from '../daemon.js';
import { deploySource, echoSource } from '../functions.js';
import { bystanderName } from './bystander.js';
import { FaultClient } from './fault-client.js';
import { Ledger } from './ledger.js';
import { type Limits, type PlaySettings, playRow } from './play.js';
import { DaemonScene } from './scene.js';
import { usageOf } from './usage.js';

export interface SectionSettings extends Omit<DaemonSettings, 'data'> {
  limits?: Limits;
  /** Makes the data directory; a new folder otherwise. */
  makeData?: (owner: Owner) => string;
}

export type RowLimits = Pick<PlaySettings, 'memoryGrowth' | 'settleMs'>;

const defaultLimits: Limits = { bytesInFlight: 4 * 2 ** 20, payload: 4 * 2 ** 20 };

/** A daemon with a bystander, and the clients that its rows share. */
export class Stage {
  private ledger = new Ledger();

  private constructor(
    readonly daemon: TestDaemon,
    private readonly settings: SectionSettings,
    private readonly clients: { fault: FaultClient; bystander: FaultClient },
  ) {}

  /** Starts the daemon, which goes with its owner. */
  static async open(owner: Owner, settings: SectionSettings): Promise<Stage> {
    const { args = [], limits = defaultLimits, makeData, ...others } = settings;
    const given = ['--max-bytes-in-flight', `${limits.bytesInFlight}B`, '--max-payload', `${limits.payload}B`];
    const data = makeData === undefined ? {} : { data: makeData(owner) };
    const daemon = await startDaemon(owner, { ...others, ...data, args: ['--kill-grace', '200ms', ...given, ...args] });
    await deploySource(owner, daemon, bystanderName, echoSource, { limits: { payload: `${limits.payload}B` } });
    const connect = (): FaultClient => {
      const client = new FaultClient(daemon.url, () => stage.ledger);
      cleanUp(owner, () => client.close());
      return client;
    };
    const stage: Stage = new Stage(daemon, settings, { fault: connect(), bystander: connect() });
    // The connections, the memory of a large body and the end of the daemon's own probes belong to what was there before.
    for (const client of Object.values(stage.clients))
      await client.invoke(bystanderName, Buffer.alloc(limits.unprobed === true ? 1 : limits.payload));
    await daemon.control.info();
    return stage;
  }

  /** Plays a row. Throws with everything that is wrong, with the row or with what it left. */
  async play(t: TestContext, play: (scene: DaemonScene) => Promise<void>, settings: RowLimits = {}): Promise<void> {
    const { daemon, clients } = this;
    const before = usageOf(daemon.pid, daemon.data);
    const { limits = defaultLimits } = this.settings;
    const scene = new DaemonScene(t, (text) => t.diagnostic(text), daemon, clients, limits.payload);
    this.ledger = scene.ledger;
    scene.bystander.start();
    await playRow(scene, before, clients.bystander, { limits, ...settings }, () => play(scene));
  }
}
