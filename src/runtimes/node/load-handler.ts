import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context, Handler, Reply, Request } from '@dcf/sdk';
import { DcfError } from '../../core/errors.js';

type Constructor = new (context: Context) => Partial<Handler>;
type PlainHandler = (request: Request, context: Context) => Reply | Promise<Reply>;

/** The kinds of Handler that a module may export: a class, an object with the method `call`, or a function that is called for each request. */
type Exported =
  | { kind: 'class'; made: Constructor }
  | { kind: 'object'; handler: Partial<Handler> }
  | { kind: 'function'; call: PlainHandler };

/**
 * Imports the handler's file, builds the Handler and awaits its `init`.
 *
 * @param directory - absolute path of the revision's folder
 * @throws DcfError FAILED_PRECONDITION when the file, the export or the method `call` is missing; whatever the Handler throws
 */
export async function loadHandler(directory: string, handler: { path: string; name: string }, context: Context): Promise<Handler> {
  return await buildHandler(await importHandler(directory, handler), handler, context);
}

/**
 * Builds the Handler that a module exports, and awaits its `init`.
 *
 * @throws DcfError FAILED_PRECONDITION when it has no method `call`; whatever the Handler throws
 */
export async function buildHandler(exported: Exported, handler: { path: string; name: string }, context: Context): Promise<Handler> {
  const instance = build(exported, context);
  if (!hasCall(instance)) {
    throw new DcfError('FAILED_PRECONDITION', `the class ${handler.name} of ${handler.path} has no method call(request)`);
  }
  await instance.init?.(context);
  return instance;
}

function build(exported: Exported, context: Context): Partial<Handler> {
  switch (exported.kind) {
    case 'class':
      return new exported.made(context);
    case 'object':
      return exported.handler;
    case 'function':
      return { call: (request) => exported.call(request, context) };
    default:
      return exported satisfies never;
  }
}

async function importHandler(directory: string, handler: { path: string; name: string }): Promise<Exported> {
  const file = join(directory, handler.path);
  await access(file).catch((cause: unknown) => {
    throw new DcfError('FAILED_PRECONDITION', `the handler file ${handler.path} is not in the package`, { cause });
  });
  const exports: unknown = await import(pathToFileURL(file).href);
  return findHandler(exports, handler);
}

/**
 * Finds the export `name` of a module: by its name, or within the default export, which for CommonJS is `module.exports`. The default
 * export itself is used if `name` is `Handler`, or if it is a class or function of that name.
 *
 * @throws DcfError FAILED_PRECONDITION that lists what the module exports
 */
export function findHandler(exports: unknown, { path, name }: { path: string; name: string }): Exported {
  const byDefault = member(exports, 'default');
  const within = [exports, byDefault, member(byDefault, 'default')];
  const named = within.map((value) => member(value, name)).find((value) => value !== undefined);
  const defaults = [member(byDefault, 'default'), byDefault].filter((value) => name === 'Handler' || nameOf(value) === name);
  for (const candidate of named === undefined ? defaults : [named]) {
    const exported = asHandler(candidate);
    if (exported !== undefined) return exported;
  }
  const names = namesOf(exports, byDefault);
  const what =
    named === undefined ? `exports no ${name}` : `exports ${name}, but not as a class, a function or an object with call(request)`;
  throw new DcfError('FAILED_PRECONDITION', `${path} ${what}; it exports: ${names.join(', ') || 'nothing'}`);
}

function namesOf(exports: unknown, byDefault: unknown): string[] {
  const keys = (value: unknown): string[] => (typeof value === 'object' && value !== null ? Object.keys(value) : []);
  return [...new Set([...keys(exports), ...keys(byDefault).filter((key) => key !== '__esModule')])];
}

function asHandler(value: unknown): Exported | undefined {
  if (isConstructor(value)) return { kind: 'class', made: value };
  if (isFunction(value)) return { kind: 'function', call: value };
  if (typeof value === 'object' && value !== null && hasCall(value)) return { kind: 'object', handler: value };
  return undefined;
}

function member(value: unknown, name: string): unknown {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? Reflect.get(value, name) : undefined;
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'function' ? value.name : undefined;
}

/** Whether a value is a class; also a constructor function whose prototype has the method `call`. */
function isConstructor(value: unknown): value is Constructor {
  if (typeof value !== 'function' || typeof value.prototype !== 'object' || value.prototype === null) return false;
  return /^class\b/.test(Function.prototype.toString.call(value)) || typeof value.prototype.call === 'function';
}

function isFunction(value: unknown): value is PlainHandler {
  return typeof value === 'function';
}

function hasCall(instance: Partial<Handler>): instance is Handler {
  return typeof instance.call === 'function';
}
