import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodeInvokeReply, encodeInvokeRequest } from '@dcf/sdk/contract';
import { DcfError, messageOf } from '@dcf/sdk/errors';
import { parseRequestLog, parseSummary } from './h2load-output.js';
import { temporaryFolder } from './paths.js';
import type { Scope } from './scope.js';
import type { Server } from './servers.js';
import { median } from './statistics.js';

const execute = promisify(execFile);
const frameHead = 5;
const maxOutputBytes = 2 ** 20;

/** One and the same call, again and again. */
export interface Load extends LoadAmount {
  /** Holds the request's body and h2load's log. */
  folder: string;
  /** Bytes of each response's body. */
  replyBytes: number;
}

export interface LoadAmount {
  calls: number;
  /** Calls in flight on each connection. */
  inFlight: number;
  /** @default 1 */
  connections?: number;
  /** The windows in which h2load takes replies, of a stream and of a connection, are 2 to the power of this, less 1. @default 30 */
  windowBits?: number;
}

/** How a load went. Every call was answered with as many bytes as it should be. */
export interface LoadResult {
  callsPerSecond: number;
  /** The median of all calls, in milliseconds. */
  latencyMs: number;
}

/** Resolves with what h2load calls its version. Throws a DcfError FAILED_PRECONDITION that says how to get it when it is not installed. */
export async function requireH2load(signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await execute('h2load', ['--version'], { signal });
    return stdout.trim();
  } catch (error) {
    signal.throwIfAborted();
    const advice = 'it makes the load of this benchmark; on Debian and Ubuntu: apt-get install nghttp2-client';
    throw new DcfError('FAILED_PRECONDITION', `h2load cannot be run (${messageOf(error)}): ${advice}`, { cause: error });
  }
}

/**
 * Prepares a load of calls of one function.
 *
 * @param call - the function's name, its input, and an output: each reply must be as long
 */
export async function prepareLoad(
  scope: Scope,
  call: { function: string; input: Uint8Array; output: Uint8Array },
  amount: LoadAmount,
): Promise<Load> {
  const folder = await temporaryFolder(scope);
  await writeFile(join(folder, 'body'), grpcFrame(encodeInvokeRequest(call)));
  return { ...amount, folder, replyBytes: grpcFrame(encodeInvokeReply(call.output)).length };
}

/**
 * Runs a load and resolves when it is done.
 *
 * @throws DcfError INTERNAL unless every call was answered in full: h2load knows no gRPC status, but a call that failed has
 *   an empty body
 */
export async function runLoad(scope: Scope, { port, url }: Server, load: Load): Promise<LoadResult> {
  const { folder, calls, inFlight, connections = 1, windowBits = 30, replyBytes } = load;
  const log = join(folder, 'log');
  const connection = [`-c${connections}`, `-m${inFlight}`, `-n${calls}`, `-w${windowBits}`, `-W${windowBits}`];
  const request = ['-d', join(folder, 'body'), '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  const argv = [...connection, ...request, `--log-file=${log}`, `http://127.0.0.1:${port}/dcf.v1.Functions/Invoke`];
  const { stdout } = await execute('h2load', argv, { signal: scope.signal, maxBuffer: maxOutputBytes });
  const { callsPerSecond, succeeded, successes, failed, dataBytes } = parseSummary(stdout);
  if (succeeded !== calls || successes !== calls || failed !== 0 || dataBytes !== calls * replyBytes) {
    const found = `${successes} of ${calls} calls were answered, and ${failed} failed, with ${dataBytes} bytes instead of ${calls * replyBytes}`;
    throw new DcfError('INTERNAL', `the load on ${url} is no measurement: ${found}`);
  }
  const latencies = parseRequestLog(await readFile(log, 'utf8'));
  await rm(log);
  return { callsPerSecond, latencyMs: median(latencies) };
}

/** A message as gRPC sends it: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, Length-Prefixed-Message. */
function grpcFrame(message: Buffer): Buffer {
  const frame = Buffer.alloc(frameHead + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, frameHead);
  return frame;
}
