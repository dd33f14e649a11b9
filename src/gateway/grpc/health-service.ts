import { service as definition } from 'grpc-health-check';
import { DcfError } from '../../core/errors.js';
import { type ReplyStream, serverStream, unary } from '../../grpc/methods.js';
import { type GrpcService, type MethodOptions, service } from './grpc-method.js';

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

interface HealthMethods {
  Check: { kind: 'unary'; request: { service: string }; reply: { status: ServingStatus } };
  List: { kind: 'unary'; request: object; reply: { statuses: Record<string, { status: ServingStatus }> } };
  Watch: { kind: 'server-stream'; request: { service: string }; reply: { status: ServingStatus } };
}

/** Most services that `List` answers with: the protocol's limit. */
const maxListed = 100;

/** The service `grpc.health.v1.Health` (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): the daemon is `''`, each function its name. */
export class HealthService {
  private serving: ReadonlyMap<string, boolean> = new Map([['', false]]);
  private readonly watchers = new Set<() => void>();

  /** Sets what is answered for the daemon and for each function; a function that is not given is unknown. */
  setServing(serving: ReadonlyMap<string, boolean>): void {
    this.serving = serving;
    for (const changed of this.watchers) changed();
  }

  /** The methods. Everyone may ask: what a load balancer asks with has no token. */
  service({ onFault }: Pick<MethodOptions, 'onFault'>): GrpcService {
    return service<HealthMethods>(
      definition,
      {
        Check: unary(({ service: name }) => {
          const status = this.statusOf(name);
          if (status === 'SERVICE_UNKNOWN') throw new DcfError('NOT_FOUND', `there is no service or function ${name}`);
          return { status };
        }),
        List: unary(() => {
          if (this.serving.size > maxListed)
            throw new DcfError('RESOURCE_EXHAUSTED', `there are ${this.serving.size} services, and List answers with ${maxListed} at most`);
          return { statuses: Object.fromEntries(Array.from(this.serving.keys(), (name) => [name, { status: this.statusOf(name) }])) };
        }),
        Watch: serverStream(({ service: name }, replies) => this.watch(name, replies)),
      },
      { authorize: () => undefined, onFault },
    );
  }

  private statusOf(name: string): ServingStatus {
    const serves = this.serving.get(name);
    if (serves === undefined) return 'SERVICE_UNKNOWN';
    return serves ? 'SERVING' : 'NOT_SERVING';
  }

  private async watch(name: string, { signal, send }: ReplyStream<{ status: ServingStatus }>): Promise<void> {
    let sent: ServingStatus | undefined;
    for (;;) {
      const status = this.statusOf(name);
      if (status !== sent) await send({ status });
      sent = status;
      if (this.statusOf(name) === sent) await this.change(signal);
    }
  }

  /** Waits until something may have changed. Rejects with the signal's reason. */
  private change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const changed = (): void => {
        stop();
        resolve();
      };
      const aborted = (): void => {
        stop();
        reject(signal.reason);
      };
      const stop = (): void => {
        this.watchers.delete(changed);
        signal.removeEventListener('abort', aborted);
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      this.watchers.add(changed);
      signal.addEventListener('abort', aborted);
    });
  }
}
