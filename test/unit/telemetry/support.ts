import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type FunctionLogEntry, FunctionLogs, type FunctionLogsOptions } from '../../../src/telemetry/function-logs.js';
import { functionName } from '../../support/registry.js';

export const digits = functionName('digits');

export function entry(text: string, changes: Partial<FunctionLogEntry> = {}): FunctionLogEntry {
  return { time: 1000, level: 'info', text, callId: 'call-1', replica: 1, worker: 0, revision: '0123456789abcdef', ...changes };
}

/** Logs in a folder of their own; a problem fails the test unless it takes `onProblem`. */
export async function openLogs(
  context: TestContext,
  options: Partial<FunctionLogsOptions> = {},
): Promise<{ logs: FunctionLogs; data: string }> {
  const data = await mkdtemp(join(tmpdir(), 'dcf-logs-'));
  const logs = await FunctionLogs.open(data, { onProblem: (message) => assert.fail(message), ...options });
  context.after(async () => {
    // In this order: what is still to be written would make the folder anew.
    await logs.close();
    await rm(data, { recursive: true });
  });
  return { logs, data };
}

export async function allOf(entries: AsyncIterable<FunctionLogEntry>): Promise<FunctionLogEntry[]> {
  const all: FunctionLogEntry[] = [];
  for await (const one of entries) all.push(one);
  return all;
}

export async function textsOf(entries: AsyncIterable<FunctionLogEntry>): Promise<string[]> {
  return (await allOf(entries)).map(({ text }) => text);
}

/** The texts of the next `count` entries. */
export async function take(entries: AsyncGenerator<FunctionLogEntry>, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const next = await entries.next();
    assert.ok(next.done !== true, `ended after ${texts.length} of ${count} entries`);
    texts.push(next.value.text);
  }
  return texts;
}

/** Reads so many entries, and then no more. */
export async function takeAndLeave(entries: AsyncGenerator<FunctionLogEntry>, count: number): Promise<string[]> {
  const texts = await take(entries, count);
  await entries.return(undefined);
  return texts;
}

export function range(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => String(from + index));
}
