import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import { holder, holds, seen } from '../../support/faults/holder.js';
import { assertRefusal, HttpCaller } from '../../support/faults/http-caller.js';
import type { DaemonScene } from '../../support/faults/scene.js';
import { echoSource } from '../../support/functions.js';
import { type HttpAnswer, type HttpConnection, openHttp, requestHead } from '../../support/http-client.js';
import { eventually } from '../../support/processes.js';

const name = 'fault';
const post = (headers: Readonly<Record<string, string | number>>): string => requestHead(`POST /functions/${name}`, headers);
const chunked = post({ 'transfer-encoding': 'chunked' });
const counting = 'export class Handler { calls = 0; call() { return String(++this.calls); } }';

const heads: [what: string, text: string | Uint8Array, status?: number][] = [
  ['no HTTP', 'hello?\r\n\r\n'],
  ['TLS', Buffer.from('16030100a5010000a10303', 'hex')],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['NUL bytes', Buffer.alloc(64)],
  ['a broken header', 'GET /healthz HTTP/1.1\r\nhost: localhost\r\nno colon\r\n\r\n'],
  ['a line break in a header', post({ 'dcf-meta-a': 'b\rc: d' })],
  ['headers of 20,000 bytes', post({ 'x-long': 'y'.repeat(20_000) }), 431],
];
const bodies: [what: string, text: string][] = [
  ['a negative length', post({ 'content-length': -1 })],
  ['two lengths', post({ 'content-length': '5\r\nContent-Length: 6' })],
  ['a length and chunks', post({ 'content-length': 5, 'transfer-encoding': 'chunked' })],
  ['a chunk whose length is no number', `${chunked}zz\r\n`],
  ['a chunk of a negative length', `${chunked}-5\r\nhello\r\n0\r\n\r\n`],
  ['a chunk that is longer than it says', `${chunked}2\r\nhello\r\n0\r\n\r\n`],
  ['a chunk after a whole one that is none', `${chunked}5\r\nhello\r\nrubbish\r\n`],
];

/** Sends something on a connection of its own; resolves with the one answer to it, when the connection has ended. */
async function lastAnswer(scene: DaemonScene, what: string, text: string | Uint8Array): Promise<HttpAnswer> {
  const { send, answer, rest, socket } = await openHttp(scene, scene.daemon.http);
  send(text);
  const found = await scene.ledger.follow(what, 10_000, answer());
  assert.equal(found.headers['connection'], 'close', what);
  assert.equal(await scene.ledger.follow(`the end after ${what}`, 10_000, rest()), '', what);
  socket.destroy();
  return found;
}

async function badRequest(scene: DaemonScene, what: string, text: string | Uint8Array, status = 400): Promise<void> {
  const answer = await lastAnswer(scene, what, text);
  assertRefusal({ status: answer.status, text: answer.body }, { status, code: 'INVALID_ARGUMENT' });
  assert.equal(JSON.parse(answer.body).requestId, answer.headers['dcf-request-id']);
}

faults('HTTP: bad requests', {}, (row) => {
  row(
    'A head that is malformed, too long, or of another protocol',
    '400, or 431 for its length, with INVALID_ARGUMENT as JSON; the connection ends',
    async (scene) => {
      await scene.throughout(async () => {
        for (const [what, text, status] of heads) await badRequest(scene, what, text, status);
      });
    },
  );

  row(
    'A body with malformed chunks or lengths',
    '400 INVALID_ARGUMENT, and the connection ends; the Handler is not called',
    async (scene) => {
      await scene.deploy(counting);
      await scene.throughout(async () => {
        for (const [what, text] of bodies) await badRequest(scene, what, text);
      });
      await scene.expect('', { code: 'OK', text: '1' });
    },
  );

  row(
    'Rubbish on a connection behind a call that runs',
    'It ends without an answer, which would be read as that of the call; the call is cancelled',
    async (scene) => {
      await scene.deploy(holder);
      const { send, rest } = await openHttp(scene, scene.daemon.http);
      send(`${post({ 'content-length': 4 })}hold`);
      await holds(scene, 1);
      send('rubbish\r\n\r\n');
      assert.equal(await scene.ledger.follow('the end of the connection', 10_000, rest()), '');
      await holds(scene, 0);
      assert.deepEqual(await seen(scene), ['hold', 'aborted hold']);
    },
  );

  row(
    'A body one byte over `limits.payload`, announced or in chunks',
    '413 RESOURCE_EXHAUSTED with both numbers; the Handler is not called',
    async (scene) => {
      await scene.deploy(counting, { limits: { payload: '1KiB' } });
      const http = new HttpCaller(scene, scene.daemon.http);
      const tooLarge = Buffer.alloc(1025);
      const pieces = `${chunked}200\r\n${'x'.repeat(512)}\r\n201\r\n${'x'.repeat(513)}\r\n0\r\n\r\n`;
      const expected = { status: 413, code: 'RESOURCE_EXHAUSTED' };
      await scene.throughout(async () => {
        assertRefusal(await http.call(name, tooLarge), {
          ...expected,
          message: /^the input has 1025 bytes; limits\.payload of fault is 1024$/,
        });
        const { status, body } = await lastAnswer(scene, 'chunks', pieces);
        assertRefusal(
          { status, text: body },
          { ...expected, message: /^the input has more than 1024 bytes; limits\.payload of fault is 1024$/ },
        );
      });
      assert.deepEqual(await http.call(name, tooLarge.subarray(1)).then(({ status, text }) => [status, text]), [200, '1']);
    },
  );
});

/** What never ends, on a connection that is written to from time to time. */
const drips: [what: string, start: string][] = [
  ['a head', 'POST /functions/fault HTTP/1.1\r\nx: '],
  ['a body', post({ 'content-length': 1_000 })],
  ['a chunk', `${chunked}3e8\r\n`],
];

async function drip(scene: DaemonScene, what: string, start: string): Promise<void> {
  const { send, answer, ended, socket }: HttpConnection = await openHttp(scene, scene.daemon.http);
  send(start);
  const patience = setTimeout(() => socket.destroy(), 15_000);
  const dripping = setInterval(() => send('x'), 50);
  scene.after(() => clearInterval(dripping));
  const { status, body } = await answer().finally(() => clearTimeout(patience));
  assertRefusal({ status, text: body }, { status: 408, code: 'DEADLINE_EXCEEDED', message: /did not arrive in time/ });
  await ended;
  clearInterval(dripping);
  scene.note(`${what} that drips was refused`);
}

faults('HTTP: connections', { args: ['--first-byte-timeout', '500ms', '--body-timeout', '3s'] }, (row) => {
  row('Connections that say nothing', 'Dropped after `--first-byte-timeout`, without a word', async (scene) => {
    const silent = await Promise.all(Array.from({ length: 100 }, () => openHttp(scene, scene.daemon.http)));
    await eventually('they are dropped', () => silent.every(({ socket }) => socket.closed));
    for (const { rest } of silent) assert.equal(await rest(), '');
  });

  row(
    'Heads, bodies and chunks that drip',
    '408 DEADLINE_EXCEEDED after `--body-timeout`, and the connection ends; others are served',
    async (scene) => {
      await scene.deploy(echoSource);
      await Promise.all(drips.flatMap((one) => Array.from({ length: 10 }, () => drip(scene, ...one))));
      const answer = await new HttpCaller(scene, scene.daemon.http).call(name, 'served');
      assert.deepEqual([answer.status, answer.text], [200, 'served']);
    },
  );
});
