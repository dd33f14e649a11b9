// Puts a load on a server from a process of its own: calls at a fixed rate, however slow the answers are, or so many in flight.
// Arguments: port, function, input, connections, seconds, and "open" with the calls a second or "closed" with those in flight.
// Writes a line for each call when all have ended: milliseconds from the start to when it was due, from then to when it was
// sent, and from when it was due to its end, and its status code.
import { performance } from 'node:perf_hooks';
import { encodeInvokeRequest } from '@dcf/sdk/contract';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';

const tickMs = 1;
const timeoutMs = 20_000;
const identity = (message: Buffer): Buffer => message;

const [port = '', name = '', input = '', connections = '', seconds = '', kind = '', amount = ''] = process.argv.slice(2);
const options = { 'grpc.use_local_subchannel_pool': 1, 'grpc.enable_retries': 0 };
const clients = Array.from({ length: Number(connections) }, () => new Client(`127.0.0.1:${port}`, credentials.createInsecure(), options));
const request = Buffer.from(encodeInvokeRequest({ function: name, input: Buffer.from(input) }));
const metadata = new Metadata();
const lines: string[] = [];
let turn = 0;
let begun = 0;

function now(): number {
  return performance.now() - begun;
}

/** @param due - when it should be sent, by the load's own clock: what it waits in here is a part of what it waits */
function call(due: number): Promise<void> {
  const client = clients[turn++ % clients.length];
  const sent = now();
  return new Promise((resolve) => {
    client?.makeUnaryRequest(
      '/dcf.v1.Functions/Invoke',
      identity,
      identity,
      request,
      metadata,
      { deadline: Date.now() + timeoutMs },
      (error) => {
        const code = status[error === null ? status.OK : error.code];
        lines.push(`${due.toFixed(3)}\t${(sent - due).toFixed(3)}\t${(now() - due).toFixed(3)}\t${code}\n`);
        resolve();
      },
    );
  });
}

async function open(perSecond: number, endMs: number): Promise<void> {
  const count = Math.floor((perSecond * endMs) / 1000);
  const calls: Promise<void>[] = [];
  while (calls.length < count) {
    while (calls.length < count && (calls.length * 1000) / perSecond <= now()) calls.push(call((calls.length * 1000) / perSecond));
    await new Promise((resolve) => setTimeout(resolve, tickMs));
  }
  await Promise.all(calls);
}

async function closed(inFlight: number, endMs: number): Promise<void> {
  const caller = async (): Promise<void> => {
    while (now() < endMs) await call(now());
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** Connects, and has the code of a call compiled, before anything is measured. */
async function warmUp(): Promise<void> {
  for (let round = 0; round < 50; round++) await Promise.all(clients.map(() => call(0)));
  lines.length = 0;
}

await warmUp();
begun = performance.now();
await (kind === 'open' ? open : closed)(Number(amount), Number(seconds) * 1000);
for (const client of clients) client.close();
process.stdout.write(lines.join(''));
