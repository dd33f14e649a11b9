import { types } from 'node:util';

/** What to do about an object that JSON cannot write, by the name of its class. */
const adviceByClass: Readonly<Record<string, string>> = {
  Map: 'write Object.fromEntries(map)',
  Set: 'write [...set]',
  WeakMap: 'write a plain object',
  WeakSet: 'write a list',
  Promise: 'await it',
  Error: 'throw it, so that the caller gets it as an error, or write its message',
  RegExp: 'write String(expression)',
  Date: 'write null, or a date',
  Buffer: "write buffer.toString('base64') for a text, or [...buffer] for a list of numbers",
  ArrayBuffer: "write Buffer.from(buffer).toString('base64') for a text, or new Uint8Array(buffer) for a list of numbers",
  SharedArrayBuffer: "write Buffer.from(buffer).toString('base64') for a text, or new Uint8Array(buffer) for a list of numbers",
  DataView: 'write new Uint8Array(view.buffer, view.byteOffset, view.byteLength)',
  Response: 'write its text: await response.text()',
  Request: 'write its text: await request.text()',
  Blob: 'write its bytes: await blob.arrayBuffer()',
  File: 'write its bytes: await file.arrayBuffer()',
  Headers: 'write Object.fromEntries(headers)',
  FormData: 'write Object.fromEntries(form)',
  URLSearchParams: 'write Object.fromEntries(parameters)',
};

/** What to do about a value that JSON cannot write; the end of a message. */
export function adviceFor(value: unknown): string {
  if (typeof value === 'function') return 'call it, or leave it out';
  if (typeof value !== 'object' || value === null) return 'leave it out, or write String(value)';
  for (let at: unknown = value; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at)) {
    const advice = adviceByClass[classOf(at)];
    if (advice !== undefined) return advice;
  }
  if (Symbol.asyncIterator in value) return 'return it as the whole reply, in chunks, or read it first';
  if (Symbol.iterator in value) return 'write [...value]';
  return 'JSON would write {}: write a plain object with what is wanted of it, or give its class a toJSON()';
}

/** The class of a value, with its article: `an Error`, `a Map`. */
export function nameOf(value: object): string {
  const name = Buffer.isBuffer(value) ? 'Buffer' : types.isNativeError(value) ? value.name : classOf(value);
  if (name === '' || name === 'Object') return 'an object';
  return `${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}`;
}

function classOf(value: object): string {
  const made: unknown = Reflect.get(value, 'constructor');
  if (typeof made === 'function' && made.name !== '' && made.name !== 'Object') return made.name;
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}
