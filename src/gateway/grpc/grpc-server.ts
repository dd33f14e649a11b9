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
  /** How long the body of a request may take to arrive, in milliseconds; then the request is dropped. */
  bodyTimeoutMs: number;
  /** Most bytes of one input. */
  maxPayload: number;
  /** The byte budget of the inputs of all calls. */
  budget: ByteBudget;
  services: readonly GrpcService[];
  /** Serves streamed calls. */
  streams: ServerInterceptor;
}

/**
 * Bytes of a message beyond its payload: room for the envelope, and enough that a payload a little over the limit is refused by the
 * invoker, whose message names the function and its limit.
 */
const envelopeLength = 64 * 1024;
/** Most open HTTP/2 streams of one connection; each may hold one request. */
const maxConcurrentStreams = 1024;

/** How long the last replies may take to be sent when the server closes, in milliseconds. */
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

  /** Starts to listen. @throws DcfError FAILED_PRECONDITION when it cannot */
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
    const { host, port, maxConnections, firstByteTimeoutMs } = options;
    const onConnection: ConnectionInjector['injectConnection'] = (socket) => injector.injectConnection(socket);
    const address = { host, port, flag: '--grpc HOST:PORT' };
    connections.start();
    try {
      const accepting = createServer({ noDelay: true });
      const listener = await Listener.open({ ...address, maxConnections, firstByteTimeoutMs, server: accepting, onConnection });
      return new GrpcServer(server, health, listener, timer, connections);
    } catch (error) {
      timer.stop();
      connections.stop();
      throw error;
    }
  }

  /** The port that it listens on. */
  get port(): number {
    return this.listener.port;
  }

  /** Sets what the health service answers for the daemon (`''`) and for each function; a function that is not given is NOT_SERVING. */
  setServing(serving: ReadonlyMap<string, boolean>): void {
    for (const service of this.serving.keys()) if (!serving.has(service)) this.health.setStatus(service, 'NOT_SERVING');
    for (const [service, serves] of serving) {
      if (this.serving.get(service) !== serves) this.health.setStatus(service, serves ? 'SERVING' : 'NOT_SERVING');
    }
    this.serving = serving;
  }

  /** Accepts no new connection; those that are open go on. */
  stopListening(): void {
    this.listener.close();
  }

  /**
   * Closes every connection once the replies that are on their way have been sent, after a second at the latest: `tryShutdown` alone
   * would wait for open streams, and the `Watch` of the health service is a stream without an end.
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

/** Joins both interceptors into one: a second one around every call would cost an echo some percent of its throughput. */
function withStreams(timed: ServerInterceptor, streamed: ServerInterceptor): ServerInterceptor {
  return (method, call) => (method.path === streamPath ? streamed(method, timed(method, call)) : timed(method, call));
}
