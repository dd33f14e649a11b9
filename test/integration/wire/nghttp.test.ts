import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startDaemon } from '../../support/daemon.js';
import { deploySource, echoSource } from '../../support/functions.js';
import { callBody } from '../../support/wire/call-body.js';
import { runTool } from '../../support/wire/run-tool.js';
import { systemTool } from '../../support/wire-tools.js';

const owner = { after };
const { path: nghttp, missing: skip } = systemTool('nghttp');
const daemon = await startDaemon(owner);
await deploySource(owner, daemon, 'echo', echoSource);

/** Longer than a frame and than the first window. Nothing else that nghttp writes has this character. */
const mark = '~';
const inputLength = 120_000;
const body = await callBody(owner, 'echo', mark.repeat(inputLength));
const grpc = ['-H', 'content-type: application/grpc', '-H', 'te: trailers'];
const many = 10;

/** Ways to say the same in HTTP/2. */
const ways: Readonly<Record<string, readonly string[]>> = {
  'with priorities of streams': [],
  'without priorities': ['--no-dep'],
  'with padding in every frame': ['--padding=255'],
  'with headers in CONTINUATION frames': ['--continuation'],
  'with a window of 1 KiB': ['--window-bits=10'],
  'with a window of a stream that is larger than the connection’s': ['--window-bits=20'],
  'with windows of 1 GiB': ['--window-bits=30', '--connection-window-bits=30'],
  'without a table of headers': ['--header-table-size=0', '--encoder-header-table-size=0'],
  'with a table of headers that shrinks and grows': ['--header-table-size=64', '--header-table-size=8192'],
  'one after the other': ['--max-concurrent-streams=1'],
  'with a header field that must not be indexed': ['-H', 'authorization: Bearer none', '-H', 'cookie: a=b; c=d'],
  'with names that an index has': ['-H', 'x-one: 1', '-H', 'x-one: 2', '-H', 'x-two: 2'],
};

for (const [way, args] of Object.entries(ways)) {
  test(`nghttp gets ${many} answers on one connection: ${way}`, { skip }, async (t) => {
    const url = `http://${daemon.url}/dcf.v1.Functions/Invoke`;
    const { code, out, errors } = await runTool(t, nghttp, ['-v', `--multiply=${many}`, `--data=${body}`, ...grpc, ...args, url]);
    assert.equal(code, 0, errors);
    assert.equal(out.split(') grpc-status: 0\n').length - 1, many, out.slice(-2000));
    assert.equal(out.split(/\) :status: 200\n/).length - 1, many);
    const goaway = /recv GOAWAY|recv RST_STREAM/.exec(out);
    assert.equal(goaway, null);
    assert.equal(out.split(mark).length - 1, many * inputLength);
  });
}
