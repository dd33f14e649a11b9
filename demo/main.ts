// The main job, on real input: a daemon starts, a function with a trained model is deployed, and pictures of digits that
// are sent from another process come back as numbers.
import { readdir, readFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { Client } from '@dcf/sdk';
import { ControlClient } from '@dcf/sdk/control';
import { type DaemonProcess, runCommand, startDaemon } from './processes.js';

const functionFolder = new URL('../../functions/digits/', import.meta.url);

interface Answer {
  picture: string;
  wanted: number;
  digit: number;
  confidence: number;
  milliseconds: number;
}

function isRecognition(value: unknown): value is { digit: number; confidence: number } {
  return typeof value === 'object' && value !== null && 'digit' in value && 'confidence' in value;
}

async function recognize(client: Client, picture: string): Promise<Answer> {
  const bytes = await readFile(new URL(`examples/${picture}`, functionFolder));
  const started = performance.now();
  const { output } = await client.invoke('digits', bytes);
  const milliseconds = performance.now() - started;
  const reply: unknown = JSON.parse(Buffer.from(output).toString('utf8'));
  if (!isRecognition(reply)) throw new Error(`digits answered ${Buffer.from(output).toString('utf8')}`);
  return { picture, wanted: Number(picture[0]), digit: Number(reply.digit), confidence: Number(reply.confidence), milliseconds };
}

function show({ picture, wanted, digit, confidence, milliseconds }: Answer): string {
  const verdict = digit === wanted ? '' : `  WRONG, it is a ${wanted}`;
  return `  ${picture.padEnd(34)} ${digit}   ${(confidence * 100).toFixed(1).padStart(5)}%   ${milliseconds.toFixed(1).padStart(6)} ms${verdict}`;
}

async function main(daemon: DaemonProcess): Promise<boolean> {
  const { url } = daemon;
  console.log(`dcfd listens on ${url} (process ${daemon.pid}, ready ${daemon.startMs.toFixed(0)} ms after its start)\n`);
  console.log('$ dcf deploy functions/digits');
  const deployMs = await runCommand(['deploy', new URL('.', functionFolder).pathname], url);
  console.log(`deployed in ${(deployMs / 1000).toFixed(2)} s\n`);

  const client = new Client(url);
  const control = new ControlClient(url);
  try {
    const pictures = (await readdir(new URL('examples/', functionFolder))).sort();
    console.log(`  ${'picture'.padEnd(34)} digit  sure    round trip`);
    const answers: Answer[] = [];
    for (const picture of pictures) {
      const answer = await recognize(client, picture);
      answers.push(answer);
      console.log(show(answer));
    }
    const [first, ...later] = answers.map((answer) => answer.milliseconds);
    const middle = [...later].sort((a, b) => a - b)[Math.floor(later.length / 2)];
    const right = answers.filter((answer) => answer.digit === answer.wanted).length;
    const { summary } = await control.describe('digits');
    console.log(
      `\n${right} of ${answers.length} right. First call ${first?.toFixed(1)} ms (its connection included), later calls ${middle?.toFixed(1)} ms (median).`,
    );
    console.log(`The model runs on: ${summary?.providers.join(', ')}.\n`);
    return right === answers.length && answers.length > 0;
  } finally {
    client.close();
    control.close();
  }
}

const daemon = await startDaemon();
let right = false;
try {
  right = await main(daemon);
} finally {
  await daemon.stop();
}
console.log(`Now yours, in two terminals:
  npx dcfd --data ./data
  npx dcf deploy functions/digits
  npx dcf invoke digits --input functions/digits/examples/8-felt-pen.jpg`);
process.exitCode = right ? 0 : 1;
