import { condition, isAvailable } from '../control/describe.js';
import type { LiveFunctions } from '../control/live/functions.js';
import type { GrpcServer } from '../gateway/grpc/grpc-server.js';
import type { Readiness } from '../gateway/http/http-routes.js';
import type { Invoker } from '../gateway/invoker.js';
import type { DaemonLog } from '../telemetry/daemon-log.js';

/** Whether the daemon takes calls. It answers readiness requests, and reports changes to the health service and the log. */
export class DaemonReadiness {
  private settled = false;
  private wasReady = false;

  /** @param health - the server with the health service; `undefined` before it runs */
  constructor(
    private readonly functions: LiveFunctions,
    private readonly invoker: Invoker,
    private readonly log: DaemonLog,
    private readonly health: () => Pick<GrpcServer, 'setServing'> | undefined,
  ) {}

  /** Whether every function can take calls. */
  get ready(): boolean {
    return this.settled && !this.invoker.draining && this.functions.list().every(isAvailable);
  }

  /** Whether the daemon takes calls, and the functions that do not, with the reasons. */
  read(): Readiness {
    const waiting = this.functions.list().filter((live) => !isAvailable(live));
    const notReady = waiting.map((live) => {
      const { state, reason } = condition(live);
      return { name: live.name, state, reason };
    });
    return { ready: this.ready, draining: this.invoker.draining, notReady };
  }

  /** To be called when every function that was deployed earlier is ready or has failed. */
  settle(): void {
    this.settled = true;
    this.changed();
  }

  /** To be called when readiness may have changed. */
  changed(): void {
    const { ready } = this;
    const health = this.health();
    if (health === undefined) return;
    const serving = this.functions.list().map((live): [string, boolean] => [live.name, isAvailable(live)]);
    health.setServing(new Map([['', ready], ...serving]));
    if (ready !== this.wasReady) this.log.info({ ready }, ready ? 'every function is ready' : 'the daemon is not ready');
    this.wasReady = ready;
  }
}
