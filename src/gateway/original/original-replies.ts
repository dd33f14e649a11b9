import type { DaemonInfo, LogEntry, OriginalFunction } from '@dcf/sdk/contract';
import { formatSize } from '@dcf/sdk/units';
import type { ImageDeployed } from '../../control/changes/image-deployer.js';
import { summarize } from '../../control/describe.js';
import type { LiveFunction } from '../../control/live/live-function.js';

/** Most entries that GetLog answers with, the newest ones. */
export const maxLogEntries = 1000;
/** Most bytes of these entries: by default, clients of gRPC accept messages of up to 4 MiB. */
const maxLogLength = 1024 * 1024;

/** A text as the message that most methods of the contract answer with. */
export function message(text: string): { Msg: Buffer } {
  return { Msg: Buffer.from(text) };
}

/** A function as List and GetMeta describe it. */
export function functionMessage(live: LiveFunction): OriginalFunction {
  const { name, revision, calls, replicas, readyReplicas } = summarize(live);
  const { labels, annotations } = live.revision.manifest;
  return {
    Name: name,
    Image: `${name}@${revision}`,
    InvocationCount: calls,
    Replicas: replicas,
    AvailableReplicas: readyReplicas,
    Labels: labels,
    Annotations: annotations,
  };
}

/** The answer of Deploy and Update. */
export function deployedText({ function: name, revision, changed, warnings }: ImageDeployed): string {
  return [`${name}@${revision} is active${changed ? '' : ' already'}`, ...warnings.map((text) => `warning: ${text}`)].join('\n');
}

/** The answer of Info: the daemon in a few lines. */
export function infoText(info: DaemonInfo, functions: number): string {
  const providers = info.providers.filter(({ usable }) => usable).map(({ name }) => name);
  return [
    `dcfd ${info.version}`,
    `node ${info.nodeVersion}`,
    `functions: ${functions}, ${info.ready ? 'all ready' : 'not all ready'}`,
    `execution providers: ${providers.join(', ')}`,
    `devices: ${info.devices.join(', ') || 'none'}`,
    `memory: ${formatSize(info.memory)}`,
  ].join('\n');
}

/** The newest entries of a log, one per line, oldest first; no more of them than an old client can receive. */
export async function logText(entries: AsyncIterable<LogEntry>): Promise<string> {
  const lines: string[] = [];
  let length = 0;
  for await (const { time, level, text, callId } of entries) {
    const line = `${new Date(time).toISOString()} ${level.padEnd(5)}${callId === '' ? '' : ` ${callId}`} ${text}\n`;
    lines.push(line);
    length += Buffer.byteLength(line);
    while (length > maxLogLength) length -= Buffer.byteLength(lines.shift() ?? '');
  }
  return lines.join('');
}
