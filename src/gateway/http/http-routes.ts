import type { FunctionDescription } from '@dcf/sdk/contract';
import { type describe, summarize } from '../../control/describe.js';
import type { LiveFunctions } from '../../control/live/functions.js';
import { type FunctionName, requireFunctionName } from '../../core/names.js';

/** Whether calls are taken. */
export interface Readiness {
  ready: boolean;
  /** The daemon is shutting down. */
  draining: boolean;
  notReady: { name: string; state: string; reason: string }[];
}

/** What the gateway tells of the daemon. */
export interface ViewOptions {
  functions: Pick<LiveFunctions, 'list'>;
  describe: (name: FunctionName) => ReturnType<typeof describe>;
  readiness: () => Readiness;
}

/** What a view is asked with. */
export interface ViewRequest {
  /** The parameter `:name` of the path; empty where it has none. */
  name: string;
  /** Whether whoever asks may also call. */
  trusted: () => boolean;
}

export interface View {
  /** @default 200 */
  status?: number;
  body: object;
}

interface RouteText {
  /** The path as fastify has it, such as `/functions/:name`. */
  url: string;
  /** What it does, in Markdown, for the reference. */
  summary: string;
}

/** The one route that takes a body, which is read by hand. */
export interface CallRoute extends RouteText {
  kind: 'call';
  method: 'POST';
}

/** A route that answers with a JSON document. Fastify serves HEAD as well. */
export interface ViewRoute extends RouteText {
  kind: 'view';
  method: 'GET';
  /** Who may ask: everybody who may call, or everybody, as the probes of an orchestrator do. */
  access: 'callers' | 'everybody';
  /** Throws a DcfError that becomes the answer. */
  view: (options: ViewOptions, request: ViewRequest) => View;
}

export type HttpRoute = CallRoute | ViewRoute;

/** The routes: the server, the refusals of other methods, what pages in browsers are told and the reference are made from them. */
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
  {
    kind: 'view',
    method: 'GET',
    url: '/functions/:name',
    access: 'callers',
    summary: 'what `dcf describe NAME --json` prints',
    view: ({ describe }, { name }) => {
      const description: FunctionDescription = describe(requireFunctionName(name));
      const manifest: unknown = JSON.parse(description.manifest);
      return { body: { ...description, manifest } };
    },
  },
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
      // Names and reasons are for those who may also call.
      return { status: rest.ready ? 200 : 503, body: trusted() ? { ...rest, notReady } : rest };
    },
  },
];

/** The methods of all routes, as in the header `allow`. */
export const allMethods = allowHeader(httpRoutes);

/** The methods of a path, as in the header `allow`; `undefined` where there is no such path. */
export function allowedMethods(path: string): string | undefined {
  const routes = httpRoutes.filter(({ url }) => new RegExp(`^${url.replace(/:\w+/g, '[^/]+')}$`).test(path));
  return routes.length === 0 ? undefined : allowHeader(routes);
}

function allowHeader(routes: readonly HttpRoute[]): string {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set(methods)].sort().join(', ');
}
