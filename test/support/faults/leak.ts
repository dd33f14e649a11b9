import { openSync } from 'node:fs';
import { Stream } from '../../../src/http2/stream.js';

// Loaded into a daemon by NODE_OPTIONS=--import, it keeps something of every call: the control that shows that a leak is seen.

const kept: Buffer[] = [];
const bytesOfEachCall = 8 * 1024;
const callsOfEachDescriptor = 1_000;

const { end } = Stream.prototype;
Stream.prototype.end = function leakingEnd(this: Stream, trailers?: readonly string[]): void {
  kept.push(Buffer.alloc(bytesOfEachCall, 1));
  if (kept.length % callsOfEachDescriptor === 0) openSync('/dev/null', 'r');
  end.call(this, trailers);
};
