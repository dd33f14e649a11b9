import { StreamError } from './errors.js';
import { fieldProblem } from './hpack/field-problem.js';
import type { HeaderList } from './hpack/header-list.js';

/** The headers of a request, checked. */
export interface RequestHead {
  readonly method: string;
  readonly scheme: string;
  readonly path: string;
  /** The field `:authority`, or else `host`. */
  readonly authority: string | undefined;
  /** The value of `content-length`; `undefined` without one. */
  readonly contentLength: number | undefined;
  /** The other fields: names and values in turn. */
  readonly fields: HeaderList;
}

/** Fields of HTTP/1.1 connections (RFC 9113, section 8.2.2). */
const ofConnections = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

interface Pseudo {
  ':method'?: string;
  ':scheme'?: string;
  ':path'?: string;
  ':authority'?: string;
}

/** Checks the headers of a request (RFC 9113, section 8.3.1). @throws StreamError when they are malformed */
export function requestHead(headers: HeaderList): RequestHead {
  const pseudo: Pseudo = {};
  const fields: string[] = [];
  let contentLength: number | undefined;
  let host: string | undefined;
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = withoutSpaceAround(headers[index + 1] ?? '');
    if (name.startsWith(':')) {
      if (fields.length > 0) throw malformed(`the field ${name} comes after other fields`);
      if (!isPseudo(name)) throw malformed('a field of a request begins with ":" and is unknown');
      if (pseudo[name] !== undefined) throw malformed(`the field ${name} comes twice`);
      checkField(name, value);
      pseudo[name] = value;
      continue;
    }
    checkOther(name, value);
    if (name === 'content-length') contentLength = lengthOf(value, contentLength);
    if (name === 'host') host ??= value;
    fields.push(name, value);
  }
  const { ':method': method, ':scheme': scheme, ':path': path, ':authority': authority = host } = pseudo;
  if (method === undefined || !token.test(method)) throw malformed('the field :method is missing or no method');
  // Nobody is a proxy here; and a CONNECT has neither a scheme nor a path (RFC 9113, section 8.5).
  if (method === 'CONNECT') throw malformed('the method CONNECT is not served');
  if (scheme === undefined || scheme === '') throw malformed('the field :scheme is missing or empty');
  if (path === undefined || path === '') throw malformed('the field :path is missing or empty');
  return { method, scheme, path, authority, contentLength, fields };
}

/** Checks the fields that come after a request's body. @throws StreamError when they are malformed */
export function checkTrailers(headers: HeaderList): void {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.startsWith(':')) throw malformed(`the field ${name} is not for trailers`);
    checkOther(name, headers[index + 1] ?? '');
  }
}

/**
 * A value without the white space around it. RFC 9113 calls such a value malformed, but clients send them ("Bearer " without a token), and a reset
 * would tell nobody why.
 */
function withoutSpaceAround(value: string): string {
  return isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(value.length - 1)) ? value.replace(/^[\t ]+|[\t ]+$/g, '') : value;
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isPseudo(name: string): name is keyof Pseudo {
  return name === ':method' || name === ':scheme' || name === ':path' || name === ':authority';
}

/** Checks a field that is no pseudo-header field. */
function checkOther(name: string, value: string): void {
  checkField(name, value);
  if (ofConnections.has(name)) throw malformed(`the field ${name} is not for HTTP/2`);
  if (name === 'te' && value !== 'trailers') throw malformed('the field te may only be "trailers"');
}

function checkField(name: string, value: string): void {
  const problem = fieldProblem(name, value);
  if (problem !== undefined) throw malformed(problem);
}

function lengthOf(value: string, before: number | undefined): number {
  const length = /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  if (length === undefined || (before !== undefined && before !== length)) throw malformed('the field content-length is not one length');
  return length;
}

function malformed(problem: string): StreamError {
  return new StreamError('PROTOCOL_ERROR', `a malformed request: ${problem}`);
}
