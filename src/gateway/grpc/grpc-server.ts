import { createServer } from 'node:net';
import { type ConnectionInjector, Server, ServerCredentials, type ServerInterceptor } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { ByteBudget } from '../byte-budget.js';
import { Listener } from '../listener.js';
import { bodyTimer } from './grpc-body-timer.js';
import { GrpcConnections } from './grpc-connections.js';
import type { GrpcService } from './grpc-method.js';
import { streamPath } from './grpc-stream.js';

export interface GrpcServerOptions {
  host: string;
  port: number;
  maxConnections: number;
  firstByteTimeoutMs: number;
  /** A request whose body has not come within this long is dropped. */
  bodyTimeoutMs: number;
  /** Bytes of one input. */
  maxPayload: number;
  /** Counts what the inputs of all calls take. */
  budget: ByteBudget;
  services: readonly GrpcService[];
  /** What serves streamed calls. */
  streams: ServerInterceptor;
}

/** Room for the envelope around a payload, and so that our own limit speaks first and names the function's. */
const envelopeLength = 64 * 1024;
/** Streams that one connection may have open; each may hold one request. */
const maxConcurrentStreams = 1024;

/** How long the last replies may take to be sent. */
const closeGraceMs = 1_000;

/** The gRPC side of the gateway: both contracts and the health service on one port. */
export class GrpcServer {
  private serving: ReadonlyMap<string, boolean> = new Map([['', false]]);

  private constructor(
    private readonly server: Server,
    private readonly health: HealthImplementation,
    private readonly listener: Listener,
    private readonly timer: { stop(): void },
    private readonly connections: GrpcConnections,
  ) {}

  /** Starts to listen. Throws a DcfError FAILED_PRECONDITION when it cannot. */
  static async open(options: GrpcServerOptions): Promise<GrpcServer> {
    const timer = bodyTimer({ timeoutMs: options.bodyTimeoutMs, budget: options.budget });
    const server = new Server({
      'grpc.max_receive_message_length': options.maxPayload + envelopeLength,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': maxConcurrentStreams,
      'grpc.keepalive_time_ms': 60_000,
      'grpc.keepalive_timeout_ms': 20_000,
      'grpc.enable_channelz': 0,
      interceptors: [withStreams(timer.interceptor, options.streams)],
    });
    const connections = new GrpcConnections(server);
    for (const [definition, implementation] of options.services) server.addService(definition, implementation);
    const health = new HealthImplementation({ '': 'NOT_SERVING' });
    health.addToServer(server);
    const injector: ConnectionInjector = server.createConnectionInjector(ServerCredentials.createInsecure());
    connections.start();
    const { host, port, maxConnections, firstByteTimeoutMs } = options;
    const onConnection: ConnectionInjector['injectConnection'] = (socket) => injector.injectConnection(socket);
    const listener = await Listener.open({
      host,
      port,
      maxConnections,
      firstByteTimeoutMs,
      flag: '--grpc HOST:PORT',
      server: createServer({ noDelay: true }),
      onConnection,
    });
    return new GrpcServer(server, health, listener, timer, connections);
  }

  get port(): number {
    return this.listener.port;
  }

  /** What the health service says of the daemon ('') and of each function; one that is gone does not serve. */
  setServing(serving: ReadonlyMap<string, boolean>): void {
    for (const service of this.serving.keys()) if (!serving.has(service)) this.health.setStatus(service, 'NOT_SERVING');
    for (const [service, serves] of serving) {
      if (this.serving.get(service) !== serves) this.health.setStatus(service, serves ? 'SERVING' : 'NOT_SERVING');
    }
    this.serving = serving;
  }

  /** Takes no new connection; what is connected goes on. */
  stopListening(): void {
    this.listener.close();
  }

  /**
   * Ends every connection, once the replies that are on their way have been sent. `tryShutdown` alone would wait for open
   * streams without end, and a health Watch is one.
   */
  async close(): Promise<void> {
    this.timer.stop();
    this.connections.stop();
    this.listener.close();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, closeGraceMs);
      this.server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.server.forceShutdown();
    this.listener.dropConnections();
  }
}

/** One interceptor for all: a second one around every call would cost an echo some percent. */
function withStreams(timed: ServerInterceptor, streamed: ServerInterceptor): ServerInterceptor {
  return (method, call) => (method.path === streamPath ? streamed(method, timed(method, call)) : timed(method, call));
}
