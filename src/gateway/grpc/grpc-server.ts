import { createServer, type Socket } from 'node:net';
import type { ReceiveBudget } from '../../grpc/call.js';
import { GrpcService as GrpcDispatcher } from '../../grpc/server.js';
import { Http2Server } from '../../http2/server.js';
import type { ByteBudget } from '../byte-budget.js';
import { type ListenAddress, shownAddress } from '../listen-address.js';
import { Listener } from '../listener.js';
import { type GrpcService, statusOf } from './grpc-method.js';
import { HealthService } from './health-service.js';
import { createTlsServer, type TlsIdentity } from './tls-server.js';

export interface GrpcServerOptions {
  address: ListenAddress;
  /** Serves with TLS. @default without */
  tls?: TlsIdentity | undefined;
  maxConnections: number;
  firstByteTimeoutMs: number;
  /** How long the body of a request may take to arrive, in milliseconds; then the request is dropped. */
  bodyTimeoutMs: number;
  /** Most bytes of one input. */
  maxPayload: number;
  /** The byte budget of the inputs of all calls. */
  budget: ByteBudget;
  services: readonly GrpcService[];
  /** Reports unexpected exceptions: anything but a DcfError. */
  onFault: (error: unknown) => void;
}

/**
 * Bytes of a message beyond its payload: room for the envelope, and enough that a payload a little over the limit is refused by the
 * invoker, whose message names the function and its limit.
 */
const envelopeLength = 64 * 1024;

/** How long the last replies may take to be sent when the server closes, in milliseconds. */
const closeGraceMs = 1_000;
/** A connection on which nothing came for so long is asked whether it is there, and how long it may take to answer, in milliseconds. */
const keepaliveMs = 60_000;
const keepaliveTimeoutMs = 20_000;
/** How long a client may leave a reply without taking any of it, in milliseconds. */
const stallTimeoutMs = 300_000;

/** Names of the response's headers and trailers whose values come again and again. */
const indexedNames: ReadonlySet<string> = new Set(['content-type', 'grpc-status', 'dcf-content-type']);

/** The gRPC side of the gateway: both contracts and the health service on one port. */
export class GrpcServer {
  private constructor(
    private readonly http2: Http2Server,
    private readonly dispatcher: GrpcDispatcher,
    private readonly health: HealthService,
    private readonly listener: Listener,
    private readonly given: ListenAddress,
  ) {}

  /** Starts to listen. @throws DcfError FAILED_PRECONDITION when it cannot */
  static async open(options: GrpcServerOptions): Promise<GrpcServer> {
    const { onFault, budget, bodyTimeoutMs } = options;
    const health = new HealthService();
    const dispatcher = new GrpcDispatcher({
      methods: new Map([...options.services, health.service({ onFault })].flatMap((service) => [...service])),
      maxMessageLength: options.maxPayload + envelopeLength,
      budget: countedAsTheyCome(budget),
      bodyTimeoutMs,
      statusOf: (error) => statusOf(error, onFault),
    });
    const { address, tls, maxConnections, firstByteTimeoutMs } = options;
    const http2 = new Http2Server({
      onStream: (stream, head) => dispatcher.take(stream, head),
      indexedNames,
      onInternalError: onFault,
      keepaliveMs,
      keepaliveTimeoutMs,
      stallTimeoutMs,
      frameTimeoutMs: bodyTimeoutMs,
    });
    const onConnection = (socket: Socket): void => http2.accept(socket);
    const limits = { address, maxConnections, firstByteTimeoutMs, flag: '--grpc' };
    const listening =
      tls === undefined
        ? Listener.open({ ...limits, server: createServer({ noDelay: true }), onConnection })
        : Listener.open({ ...limits, server: createTlsServer(tls, { firstByteTimeoutMs, onConnection }) });
    try {
      return new GrpcServer(http2, dispatcher, health, await listening, address);
    } catch (error) {
      http2.destroy();
      throw error;
    }
  }

  /** The port that it listens on; 0 for a Unix socket. */
  get port(): number {
    return this.listener.port;
  }

  /** Where it listens: `HOST:PORT`, or `unix:PATH`. */
  get address(): string {
    return shownAddress(this.given, this.port);
  }

  /** Sets what the health service answers for the daemon (`''`) and for each function; a function that is not given is unknown. */
  setServing(serving: ReadonlyMap<string, boolean>): void {
    this.health.setServing(serving);
  }

  /** Accepts no new connection; those that are open go on. */
  stopListening(): void {
    this.listener.close();
  }

  /**
   * Closes every connection once the replies that are on their way have been sent, after a second at the latest: the `Watch` of the health
   * service is a stream without an end.
   */
  async close(): Promise<void> {
    this.listener.close();
    this.dispatcher.stop();
    this.http2.drain();
    await this.http2.whenEmpty(closeGraceMs);
    this.http2.destroy();
    this.listener.dropConnections();
  }
}

/**
 * Counts the bytes of a request while it comes. Those that it holds itself are not told as what fills the daemon, and there is room for
 * envelopes beyond the limit: it is for inputs, and as many of them have to fit as the limit says.
 */
function countedAsTheyCome(budget: ByteBudget): ReceiveBudget {
  return {
    take: (bytes, own) => {
      if (budget.taken > own && budget.taken + bytes > budget.limit + envelopeLength) throw budget.refusal(budget.taken - own);
      budget.force(bytes);
    },
    give: (bytes) => budget.give(bytes),
  };
}
