import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Context, Handler } from '@dcf/sdk';
import { DcfError } from '../../core/errors.js';

type Constructor = new (context: Context) => Partial<Handler>;

/**
 * Imports the handler's file, builds the Handler and awaits its `init`.
 *
 * @param directory - absolute path of the revision's folder
 * @throws DcfError FAILED_PRECONDITION when the file, the export or the method `call` is missing; whatever the Handler throws
 */
export async function loadHandler(directory: string, handler: { path: string; name: string }, context: Context): Promise<Handler> {
  const HandlerClass = await importHandler(directory, handler);
  const instance = new HandlerClass(context);
  if (!hasCall(instance)) {
    throw new DcfError('FAILED_PRECONDITION', `the class ${handler.name} of ${handler.path} has no method call(request)`);
  }
  await instance.init?.();
  return instance;
}

async function importHandler(directory: string, handler: { path: string; name: string }): Promise<Constructor> {
  const file = join(directory, handler.path);
  await access(file).catch((cause: unknown) => {
    throw new DcfError('FAILED_PRECONDITION', `the handler file ${handler.path} is not in the package`, { cause });
  });
  const exports: unknown = await import(pathToFileURL(file).href);
  const found = member(exports, handler.name) ?? member(member(exports, 'default'), handler.name);
  if (isConstructor(found)) return found;
  const names = typeof exports === 'object' && exports !== null ? Object.keys(exports).join(', ') : '';
  const what = found === undefined ? `exports no ${handler.name}` : `exports a ${handler.name} that is no class`;
  throw new DcfError('FAILED_PRECONDITION', `${handler.path} ${what}; it exports: ${names || 'nothing'}`);
}

function member(value: unknown, name: string): unknown {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' ? Reflect.get(value, name) : undefined;
}

function isConstructor(value: unknown): value is Constructor {
  return typeof value === 'function' && typeof value.prototype === 'object' && value.prototype !== null;
}

function hasCall(instance: Partial<Handler>): instance is Handler {
  return typeof instance.call === 'function';
}
