import assert from 'node:assert/strict';
import type { DeployResult } from '@dcf/sdk/control';
import type { Owner } from '../cleanup.js';
import { type DaemonSettings, startDaemon, type TestDaemon } from '../daemon.js';
import { type DeploySettings, deploySource } from '../functions.js';
import { Bystander, bystanderCalls } from './bystander.js';
import { type FaultCallOptions, FaultClient, type FaultReply } from './fault-client.js';
import { Ledger, waitedForProcessor } from './ledger.js';

/** What is to be seen of a reply; what is left out may be anything. */
export interface Expected {
  code: string;
  details?: RegExp;
  reason?: RegExp | string;
  text?: string;
}

/** What a row works with: clean-ups that run before anything is checked, a ledger of every call, and daemons of its own. */
export class Scene implements Owner {
  readonly ledger: Ledger;
  private readonly cleanUps: (() => Promise<void> | void)[] = [];

  constructor(
    private readonly owner: Owner,
    /** Says something beside the test's result. */
    readonly note: (text: string) => void,
    /** The process of the daemon that the calls go to, where there is one for the whole row. */
    pid?: number,
  ) {
    this.ledger = new Ledger(pid === undefined ? undefined : () => waitedForProcessor(pid));
  }

  /** Has something cleaned up when the fault is over, before anything is checked. */
  after(clean: () => Promise<void> | void): void {
    this.cleanUps.push(clean);
  }

  /** Starts a daemon that lives no longer than this row; when it goes, no process of it may be left. */
  startDaemon(settings: DaemonSettings = {}): Promise<TestDaemon> {
    return startDaemon(this, settings);
  }

  /** A connection of its own to a daemon; its calls are in the ledger. */
  connect(url: string): FaultClient {
    const client = new FaultClient(url, () => this.ledger);
    this.after(() => client.close());
    return client;
  }

  /** Aborts when the fault is over at the latest, so that no call outlives a row that fails. */
  controller(): AbortController {
    const controller = new AbortController();
    this.after(() => controller.abort());
    return controller;
  }

  /** Outlives the row's own clean-up, for what is to be there when everything is checked. */
  get later(): Owner {
    return this.owner;
  }

  /** Runs the clean-ups, the last one first; returns what failed. */
  async cleanUp(): Promise<string[]> {
    const problems: string[] = [];
    for (let clean = this.cleanUps.pop(); clean !== undefined; clean = this.cleanUps.pop()) {
      try {
        await clean();
      } catch (error) {
        problems.push(`a clean-up failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return problems;
  }
}

/** A scene with a daemon that is to survive the fault. */
export class DaemonScene extends Scene {
  /** Calls another function meanwhile. */
  readonly bystander: Bystander;
  private readonly client: FaultClient;
  private readonly deployed: string[] = [];

  constructor(
    owner: Owner,
    note: (text: string) => void,
    readonly daemon: TestDaemon,
    clients: { fault: FaultClient; bystander: FaultClient },
    /** The daemon's --max-payload. */
    private readonly maxPayload: number,
  ) {
    super(owner, note, daemon.pid);
    this.client = clients.fault;
    this.bystander = new Bystander(clients.bystander);
  }

  /** The function under fault. */
  get name(): string {
    return this.deployed[0] ?? 'fault';
  }

  /** Deploys a function that goes with the row; the first is the one under fault. */
  async deploy(source: string, { name, ...settings }: DeploySettings = {}): Promise<DeployResult> {
    const chosen = name ?? (this.deployed.length === 0 ? 'fault' : `fault-${this.deployed.length}`);
    const result = await deploySource(this, this.daemon, chosen, source, { limits: { payload: `${this.maxPayload}B` }, ...settings });
    if (!this.deployed.includes(chosen)) this.deployed.push(chosen);
    return result;
  }

  /** Calls the function under fault. */
  call(input: Uint8Array | string = '', options: FaultCallOptions = {}): Promise<FaultReply> {
    return this.client.invoke(this.name, input, options);
  }

  /** Calls any function. */
  callOf(name: string, input: Uint8Array | string = '', options: FaultCallOptions = {}): Promise<FaultReply> {
    return this.client.invoke(name, input, options);
  }

  /** Sends any bytes to any method. */
  send(path: string, request: Uint8Array, options: FaultCallOptions = {}): Promise<FaultReply> {
    return this.client.send(path, request, undefined, options);
  }

  /** Calls, and checks the reply. */
  async expect(input: Uint8Array | string, expected: Expected, options: FaultCallOptions = {}): Promise<FaultReply> {
    const reply = await this.call(input, options);
    assertReply(reply, expected);
    return reply;
  }

  /** Does something time and again until the bystander has made its calls, for a fault that is over at once. */
  async throughout(action: () => Promise<unknown>): Promise<void> {
    do await action();
    while (this.bystander.calls < bystanderCalls);
  }

  /** Process ids of the function's replicas that are ready. */
  async replicas(name = this.name): Promise<number[]> {
    const { replicas } = await this.daemon.control.describe(name);
    return replicas.filter(({ state }) => state === 'ready').map(({ pid }) => pid);
  }

  /** The one ready replica's process id. */
  async replica(): Promise<number> {
    const [pid, ...others] = await this.replicas();
    assert.ok(pid !== undefined && others.length === 0, `${others.length + (pid === undefined ? 0 : 1)} replicas are ready`);
    return pid;
  }

  override async cleanUp(): Promise<string[]> {
    const problems = await super.cleanUp();
    for (const name of this.deployed) {
      await this.daemon.control.delete(name).catch((error: unknown) => {
        problems.push(`${name} could not be deleted: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    return problems;
  }
}

/** Checks how a call ended. Nothing that only the log may have is ever in what the caller reads. */
export function assertReply(reply: FaultReply, { code, details, reason, text }: Expected): void {
  assert.equal(reply.code, code, `${reply.details} (${reply.reason})`);
  if (details !== undefined) assert.match(reply.details, details);
  if (typeof reason === 'string') assert.equal(reply.reason, reason);
  else if (reason !== undefined) assert.match(reply.reason, reason);
  if (text !== undefined) assert.equal(reply.text, text);
  assert.doesNotMatch(reply.details, /^\s*at .*[jt]s:\d+|^\s*File ".*", line \d+/m, 'a stack is for the log');
}

/** What a call past its deadline says. The gRPC server has a timer for the caller's deadline, too, and may be the first. */
export function passedIn(where: 'queue' | 'Handler'): RegExp {
  return new RegExp(`(^Deadline exceeded|passed in the ${where})$`);
}
