import { createServer, type IncomingMessage, METHODS, type Server, type ServerResponse } from 'node:http';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { DcfError } from '../../core/errors.js';
import { type Invoker, isRequestId } from '../invoker.js';
import { shownAddress, type TcpAddress } from '../listen-address.js';
import { Listener } from '../listener.js';
import { serveCall } from './http-call.js';
import { endBadConnection } from './http-client-error.js';
import { type Cors, isPreflight } from './http-cors.js';
import { HttpError } from './http-errors.js';
import { Exchange, type ExchangeOptions } from './http-exchange.js';
import { type Guard, notFromPages } from './http-guard.js';
import { textOf } from './http-head.js';
import { allowedMethods, httpRoutes, type ViewOptions, type ViewRoute } from './http-routes.js';

export interface HttpServerOptions extends ViewOptions {
  address: TcpAddress;
  maxConnections: number;
  firstByteTimeoutMs: number;
  /** How long a request may take to arrive, and a client may read nothing of its answer, in milliseconds. */
  bodyTimeoutMs: number;
  guard: Guard;
  /** Which pages in browsers may read answers; none if it is `undefined`. */
  cors: Cors | undefined;
  invoker: Invoker;
  /** Reports unexpected exceptions: anything but a DcfError. */
  onFault: (error: unknown) => void;
}

/** Most bytes of the request line and the headers together. */
const maxHeadBytes = 16 * 1024;
/** How long a connection may idle between two requests, in milliseconds; longer than most proxies keep theirs. */
const keepAliveMs = 75_000;
/** How often Node looks for requests that are overdue, in milliseconds. */
const sweepMs = 1_000;
/** How long the last answers may take to be sent when the server closes, in milliseconds. */
const closeGraceMs = 1_000;

/** The part of fastify's request that is used here. */
interface Incoming {
  raw: IncomingMessage;
}
/** The part of fastify's reply that is used here. */
interface Outgoing {
  raw: ServerResponse;
  hijack(): unknown;
}
type Open = (request: Incoming, reply: Outgoing) => Exchange;
interface NamedRequest {
  Params: { name: string };
}

/** The HTTP side of the gateway. */
export class HttpServer {
  private constructor(
    private readonly server: Server,
    private readonly listener: Listener,
    private readonly app: FastifyInstance,
    private readonly given: TcpAddress,
  ) {}

  /** Starts to listen. @throws DcfError FAILED_PRECONDITION when it cannot */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const { address, maxConnections, firstByteTimeoutMs } = options;
    const app = createApp(options);
    await app.ready();
    const { server } = app;
    // Every call in flight listens for the end of its connection, and a client may pipeline many of them.
    server.on('connection', (socket) => socket.setMaxListeners(0));
    const flag = '--http HOST:PORT, or none with --http off';
    const listener = await Listener.open({ address, flag, maxConnections, firstByteTimeoutMs, server });
    return new HttpServer(server, listener, app, address);
  }

  /** The port that it listens on. */
  get port(): number {
    return this.listener.port;
  }

  /** Where it listens, as `HOST:PORT`. */
  get address(): string {
    return shownAddress(this.given, this.port);
  }

  /** Accepts no new connection, and closes each open one when its answers are sent, after a second at the latest. */
  async close(): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, closeGraceMs);
      this.server.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.listener.close();
    await ended;
    this.listener.dropConnections();
    await this.app.close();
  }
}

function createNodeServer(timeoutMs: number, handler: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      noDelay: true,
      maxHeaderSize: maxHeadBytes,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      keepAliveTimeout: keepAliveMs,
      connectionsCheckingInterval: sweepMs,
    },
    handler,
  );
  // Such a request is served like any other: `100 Continue` is sent only if its body is wanted. Node by itself would send it at once.
  server.on('checkContinue', handler);
  server.on('checkExpectation', handler);
  return server;
}

function createApp(options: HttpServerOptions): FastifyInstance {
  const { invoker, onFault, bodyTimeoutMs, cors } = options;
  const exchangeOptions: ExchangeOptions = { draining: () => invoker.draining, stuckAfterMs: bodyTimeoutMs, onFault, cors };
  const open: Open = (request, reply) => {
    reply.hijack();
    const given = textOf(request.raw.headers['dcf-request-id']);
    const id = given !== undefined && isRequestId(given) ? given : invoker.newRequestId();
    return new Exchange(request.raw, reply.raw, id, exchangeOptions);
  };
  const app = fastify({
    serverFactory: (handler) => createNodeServer(bodyTimeoutMs, handler),
    routerOptions: { maxParamLength: maxHeadBytes, ignoreDuplicateSlashes: true, ignoreTrailingSlash: true },
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => endBadConnection(error, socket, () => invoker.newRequestId()),
    frameworkErrors: (_error, request, reply) => {
      open(request, reply).fail(new DcfError('INVALID_ARGUMENT', 'malformed URL: invalid percent-encoding; write a plain % as %25'));
    },
  });
  // fastify reads no body: only calls need one, and read it themselves, within their limits.
  for (const method of METHODS) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  app.setValidatorCompiler<z.ZodType>(
    ({ schema }) =>
      (given) =>
        checked(schema, given),
  );
  app.setErrorHandler((error, request, reply) => open(request, reply).fail(error));
  addRoutes(app, options, open);
  return app;
}

function addRoutes(app: FastifyInstance, options: HttpServerOptions, open: Open): void {
  const { invoker, guard, cors } = options;
  for (const route of httpRoutes) {
    const { method, url } = route;
    if (route.kind === 'view') addView(app, route, options, open);
    else
      app.route({
        method,
        url,
        handler: (request: FastifyRequest<NamedRequest>, reply) => {
          const exchange = open(request, reply);
          try {
            guard.check(exchange.request.headers);
            serveCall(exchange, invoker, request.params.name);
          } catch (error) {
            exchange.fail(error);
          }
        },
      });
  }
  app.options('*', (request, reply) => {
    const { headers } = request.raw;
    // Browsers send preflights without the token.
    if (isPreflight(headers)) answerPreflight(open(request, reply), cors);
    else {
      guard.check(headers);
      throw noSuchRoute(request.raw);
    }
  });
  app.setNotFoundHandler((request) => {
    guard.check(request.raw.headers);
    throw noSuchRoute(request.raw);
  });
}

/** Adds the route of a view. Its caller is checked first, then its parameters; errors are answered by the error handler. */
function addView(app: FastifyInstance, route: ViewRoute, options: HttpServerOptions, open: Open): void {
  const { guard } = options;
  const { method, url, access, schema } = route;
  app.route({
    method,
    url,
    // Fastify writes into it.
    ...(schema === undefined ? {} : { schema: { ...schema } }),
    onRequest: (request, _reply, done) => {
      if (access === 'callers') guard.check(request.raw.headers);
      done();
    },
    handler: (request, reply) => {
      const { params, raw } = request;
      const { status = 200, body } = route.view(options, { params, trusted: () => guard.trusts(raw.headers) });
      open(request, reply).json(status, body);
    },
  });
}

/** A part of a request as its schema leaves it, or INVALID_ARGUMENT with what is allowed. */
function checked(schema: z.ZodType, given: unknown): { value: unknown } | { error: DcfError } {
  const { success, data, error } = schema.safeParse(given);
  if (success) return { value: data };
  return { error: new DcfError('INVALID_ARGUMENT', error.issues.map(({ message }) => message).join('; ')) };
}

/** The error for a request that no route takes: NOT_FOUND for an unknown path, 405 for a method that the path does not have. */
function noSuchRoute({ method, url = '' }: IncomingMessage): DcfError {
  const [given = ''] = url.split('?');
  const path = given.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  const shown = JSON.stringify(path.slice(0, 80));
  const allow = allowedMethods(path);
  if (allow === undefined) return new DcfError('NOT_FOUND', `there is nothing at ${shown}; a call is POST /functions/NAME`);
  return new HttpError(405, 'UNIMPLEMENTED', `${method} is not allowed for ${shown}; allowed: ${allow}`, { allow });
}

/** Answers a preflight: whether a page in a browser may send its request. */
function answerPreflight(exchange: Exchange, cors: Cors | undefined): void {
  const { headers } = exchange.request;
  const { origin = '' } = headers;
  if (cors?.allows(origin) === true) exchange.empty(204, cors.preflightHeaders(headers));
  else exchange.fail(notFromPages(origin, 'pages in a browser may call this daemon only where'));
}
