// One session in one process, without any platform: what the platform is compared with. Writes a line of JSON.
import { performance } from 'node:perf_hooks';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { percentile } from '../harness/statistics.js';
import { randomNumbers } from './resnet.js';

const [model = '', provider = 'cpu', seconds = '1', side = '1', channels = '1', batch = '8'] = process.argv.slice(2);
const inFlight = [1, 32];

const begun = performance.now();
const session = await InferenceSession.create(model, { executionProviders: [provider] });
const createdMs = performance.now() - begun;
const input = session.inputNames[0] ?? '';
const output = session.outputNames[0] ?? '';
const first = await run(feed(1));
const firstMs = performance.now() - begun;

const loads = [];
for (const size of [1, Number(batch)]) for (const together of inFlight) loads.push(await measure(size, together));
process.stdout.write(`${JSON.stringify({ createdMs, firstMs, first: first.slice(0, 16), loads })}\n`);
process.exit();

/** Makes equal pictures each time, so that what providers make of them can be compared. */
function feed(size: number): Record<string, Tensor> {
  const random = randomNumbers(7);
  const values = new Float32Array(size * Number(channels) * Number(side) ** 2);
  // Pictures of one channel have values of 0 to 1, those of three of 0 to 255.
  const scale = Number(channels) === 1 ? 1 : 255;
  for (let index = 0; index < values.length; index++) values[index] = random() * scale;
  return { [input]: new Tensor('float32', values, [size, Number(channels), Number(side), Number(side)]) };
}

async function run(feeds: Record<string, Tensor>): Promise<number[]> {
  const result = (await session.run(feeds))[output];
  return result === undefined ? [] : Array.from(await result.getData(), Number);
}

async function measure(size: number, together: number) {
  const feeds = feed(size);
  await run(feeds);
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + Number(seconds) * 1000;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      const began = performance.now();
      await run(feeds);
      latencies.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: together }, loop));
  const perSecond = (latencies.length * size * 1000) / (performance.now() - start);
  return {
    inFlight: together,
    batch: size,
    calls: latencies.length,
    perSecond,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
}
