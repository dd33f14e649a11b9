import { Client } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import type { Override } from '@dcf/sdk/manifest';
import { deployFolder } from '../harness/calls.js';
import { Scope } from '../harness/scope.js';
import { type Server, startDaemon } from '../harness/servers.js';

/** A daemon that is there when it is asked for: one that does not answer any more is ended and followed by another. */
export class CheckDaemon {
  #running: { scope: Scope; server: Server } | undefined;

  constructor(
    private readonly signal: AbortSignal,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  /** Clients of the daemon, which go with the scope. */
  async connect(scope: Scope): Promise<Connected> {
    const server = await this.#server();
    const client = new Client(server.url);
    const control = new ControlClient(server.url);
    scope.defer(async () => {
      client.close();
      control.close();
    });
    return { client, control, deploy: (folder, overrides) => deployFolder(scope, server, folder, overrides) };
  }

  /** Ends it. */
  async end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.scope.close();
  }

  async #server(): Promise<Server> {
    if (this.#running !== undefined && (await this.#answers(this.#running.server))) return this.#running.server;
    await this.end().catch(() => undefined);
    const scope = new Scope(this.signal);
    try {
      const server = await startDaemon(scope, { environment: this.environment });
      this.#running = { scope, server };
      return server;
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  async #answers({ url }: Server): Promise<boolean> {
    const control = new ControlClient(url);
    try {
      await control.info();
      return true;
    } catch {
      return false;
    } finally {
      control.close();
    }
  }
}

export interface Connected {
  client: Client;
  control: ControlClient;
  deploy: (folder: string, overrides: readonly Override[]) => Promise<void>;
}
