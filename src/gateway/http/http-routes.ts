import type { FunctionDescription } from '@dcf/sdk/contract';
import { z } from 'zod';
import { type describe, summarize } from '../../control/describe.js';
import type { LiveFunctions } from '../../control/live/functions.js';
import { type FunctionName, functionNameProblem, isFunctionName } from '../../core/names.js';

/** Whether the daemon takes calls. */
export interface Readiness {
  /** Whether every function takes calls. */
  ready: boolean;
  /** Whether the daemon is shutting down. */
  draining: boolean;
  notReady: { name: string; state: string; reason: string }[];
}

/** What views show. */
export interface ViewOptions {
  functions: Pick<LiveFunctions, 'list'>;
  describe: (name: FunctionName) => ReturnType<typeof describe>;
  readiness: () => Readiness;
}

/** A request of a view. */
export interface ViewRequest<Params> {
  /** The parameters of the path, as the schema leaves them. */
  params: Params;
  /** Whether the sender of the request may also call functions. */
  trusted: () => boolean;
}

/** The answer of a view: a JSON document and its status. */
export interface View {
  /** @default 200 */
  status?: number;
  body: object;
}

interface RouteText {
  /** The path in fastify's notation, such as `/functions/:name`. */
  url: string;
  /** What the route does, in Markdown, for the reference. */
  summary: string;
}

/**
 * The one route that takes a body, which is read by hand. It has no schema: the function's name is checked with the call, as on every transport,
 * and the query is the Handler's own.
 */
export interface CallRoute extends RouteText {
  kind: 'call';
  method: 'POST';
}

/** A route that answers with a JSON document. Fastify serves HEAD as well. */
export interface ViewRoute<Params = unknown> extends RouteText {
  kind: 'view';
  method: 'GET';
  /** Who may ask: whoever may call functions, or everybody, such as the probes of an orchestrator. */
  access: 'callers' | 'everybody';
  /** What fastify checks before it calls the view; missing for a view that takes nothing. */
  schema?: { params: z.ZodType<Params> };
  /** Throws a DcfError that becomes the answer. A method, so that views of any parameters go into one table. */
  view(options: ViewOptions, request: ViewRequest<Params>): View;
}

export type HttpRoute = CallRoute | ViewRoute;

const functionParams = z.object({
  name: z.string().transform((given, check): FunctionName => {
    if (isFunctionName(given)) return given;
    check.addIssue({ code: 'custom', message: functionNameProblem(given) });
    return z.NEVER;
  }),
});

/** A view whose schema says what it takes. */
function view<Params>(route: ViewRoute<Params>): ViewRoute {
  return route;
}

/** All routes. The server, the refusals of other methods, the answers to preflights and the reference are made from this table. */
export const httpRoutes: readonly HttpRoute[] = [
  {
    kind: 'call',
    method: 'POST',
    url: '/functions/:name',
    summary: "a call: the body is the input, the answer's body the output",
  },
  {
    kind: 'view',
    method: 'GET',
    url: '/functions',
    access: 'callers',
    summary: 'what `dcf list --json` prints',
    view: ({ functions }) => ({ body: functions.list().map(summarize) }),
  },
  view({
    kind: 'view',
    method: 'GET',
    url: '/functions/:name',
    access: 'callers',
    summary: 'what `dcf describe NAME --json` prints',
    schema: { params: functionParams },
    view({ describe }, { params }) {
      const description: FunctionDescription = describe(params.name);
      const manifest: unknown = JSON.parse(description.manifest);
      return { body: { ...description, manifest } };
    },
  }),
  {
    kind: 'view',
    method: 'GET',
    url: '/healthz',
    access: 'everybody',
    summary: '200 while the daemon runs',
    view: () => ({ body: { alive: true } }),
  },
  {
    kind: 'view',
    method: 'GET',
    url: '/readyz',
    access: 'everybody',
    summary: '200 when every function takes calls; otherwise 503, with the functions that do not and why',
    view: ({ readiness }, { trusted }) => {
      const { notReady, ...rest } = readiness();
      // Names and reasons are only for senders that may also call functions.
      return { status: rest.ready ? 200 : 503, body: trusted() ? { ...rest, notReady } : rest };
    },
  },
];

/** The methods of all routes, as in the header `allow`. */
export const allMethods = allowHeader(httpRoutes);

/** The methods of a path, as in the header `allow`; `undefined` if there is no such path. */
export function allowedMethods(path: string): string | undefined {
  const routes = httpRoutes.filter(({ url }) => new RegExp(`^${url.replace(/:\w+/g, '[^/]+')}$`).test(path));
  return routes.length === 0 ? undefined : allowHeader(routes);
}

function allowHeader(routes: readonly HttpRoute[]): string {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set(methods)].sort().join(', ');
}
