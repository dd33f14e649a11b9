import assert from 'node:assert/strict';
import { faults } from '../../support/faults/fault-matrix.js';
import { callState, holder, holdSlot, holds, seen } from '../../support/faults/holder.js';
import { assertRefusal, HttpCaller } from '../../support/faults/http-caller.js';
import type { DaemonScene } from '../../support/faults/scene.js';
import { type HttpConnection, openHttp, requestHead } from '../../support/http-client.js';
import { misbehavingSource } from '../../support/misbehaving.js';
import { eventually } from '../../support/processes.js';
import { streamingSource } from '../../support/streams.js';

/** A call as it is on the wire. */
function written(name: string, input: string): string {
  return requestHead(`POST /functions/${name}`, { 'content-length': input.length }) + input;
}

async function connections(scene: DaemonScene, count: number): Promise<HttpConnection[]> {
  return await Promise.all(Array.from({ length: count }, () => openHttp(scene, scene.daemon.http)));
}

faults('HTTP: callers who go, or come too late', {}, (row) => {
  row(
    'The client goes while its calls are queued, some of them pipelined on one connection',
    'CANCELLED is recorded; the Handler never sees them',
    async (scene) => {
      await scene.deploy(holder);
      const letGo = await holdSlot(scene);
      const clients = await connections(scene, 4);
      for (const { send } of clients) send(written(scene.name, 'never').repeat(5));
      await holds(scene, 21);
      for (const { socket } of clients) socket.destroy();
      await holds(scene, 1);
      assert.equal((await callState(scene)).errors, 20);
      await letGo();
      assert.deepEqual(await seen(scene), ['hold', 'aborted hold']);
    },
  );

  row(
    'The client goes, or says that it sends no more, while its call runs',
    'CANCELLED is recorded; the signal fires and the slot is free',
    async (scene) => {
      await scene.deploy(holder);
      const worker = await scene.replica();
      for (const leave of ['destroy', 'end'] as const) {
        const [client] = await connections(scene, 1);
        assert.ok(client !== undefined);
        client.send(written(scene.name, `hold ${leave}`));
        await holds(scene, 1);
        const next = new HttpCaller(scene, scene.daemon.http).call(scene.name, 'next');
        await holds(scene, 2);
        client.socket[leave]();
        assert.equal((await next).text, 'next');
        await client.ended;
      }
      assert.equal((await callState(scene)).errors, 2);
      assert.deepEqual(await seen(scene), ['hold destroy', 'aborted hold destroy', 'next', 'hold end', 'aborted hold end', 'next']);
      assert.equal(await scene.replica(), worker);
    },
  );

  row(
    'The client goes while its answer comes in chunks, or reads none of them',
    'The signal fires, the generator returns, the slot is free; while nobody reads, nothing more is made',
    async (scene) => {
      await scene.deploy(streamingSource, { concurrency: 16 });
      const worker = await scene.replica();
      const clients = await connections(scene, 4);
      for (const [index, what] of ['hang', 'count 100000 1000', 'hang', 'count 100000 1000'].entries()) {
        const client = clients[index];
        if (index > 1) client?.socket.pause();
        client?.send(requestHead(`POST /functions/${scene.name}`, { 'content-length': 0, 'dcf-meta-do': what }));
      }
      for (const index of [0, 1]) await new Promise((resolve) => clients[index]?.socket.once('data', resolve));
      for (const { socket } of clients) socket.destroy();
      await holds(scene, 0);
      assert.equal(await scene.replica(), worker);
    },
  );

  row(
    'The worker is killed while its answer comes in chunks',
    'The connection ends without the end of the body; the replica is replaced',
    async (scene) => {
      await scene.deploy(streamingSource);
      const response = await fetch(`${scene.daemon.http}/functions/${scene.name}`, { method: 'POST', headers: { 'dcf-meta-do': 'hang' } });
      const reader = response.body?.getReader();
      assert.equal(Buffer.from((await reader?.read())?.value ?? '').toString(), 'first');
      process.kill(await scene.replica(), 'SIGKILL');
      await assert.rejects(async () => await reader?.read(), TypeError);
    },
  );

  row('The client goes in the middle of its body', 'Nothing is called; what came of the body is given free', async (scene) => {
    await scene.deploy(holder);
    const half = 'x'.repeat(2 ** 19);
    const bodies: [head: Record<string, string | number>, begun: string][] = [
      [{ 'content-length': 2 ** 20 }, half],
      [{ 'transfer-encoding': 'chunked' }, `${(2 ** 20).toString(16)}\r\n${half}`],
    ];
    for (let count = 0; count < 4; count++) {
      for (const [head, begun] of bodies) {
        const [client] = await connections(scene, 1);
        assert.ok(client !== undefined);
        await new Promise((resolve) => client.socket.write(requestHead(`POST /functions/${scene.name}`, head) + begun, resolve));
        client.socket.destroy();
        await client.ended;
      }
    }
    assert.deepEqual(await seen(scene), []);
  });

  row('The deadline passes in the queue', '504 DEADLINE_EXCEEDED; the Handler is never called', async (scene) => {
    await scene.deploy(holder);
    const letGo = await holdSlot(scene);
    const http = new HttpCaller(scene, scene.daemon.http);
    const late = Array.from({ length: 20 }, (_, index) => http.call(scene.name, 'never', { timeoutMs: 50 + 10 * index }));
    const expected = { status: 504, code: 'DEADLINE_EXCEEDED', message: /passed in the queue$/ };
    for (const answer of await Promise.all(late)) assertRefusal(answer, expected);
    await letGo();
    assert.deepEqual(await seen(scene), ['hold', 'aborted hold']);
  });

  row('The deadline passes in the Handler', '504 DEADLINE_EXCEEDED; the signal fires and the slot is free', async (scene) => {
    await scene.deploy(holder);
    const http = new HttpCaller(scene, scene.daemon.http);
    const expected = { status: 504, code: 'DEADLINE_EXCEEDED', message: /passed in the Handler$/ };
    assertRefusal(await http.call(scene.name, 'hold', { timeoutMs: 100 }), expected);
    assert.equal((await http.call(scene.name, 'next')).text, 'next');
    assert.deepEqual(await seen(scene), ['hold', 'aborted hold', 'next']);
  });

  row(
    'The queue is full',
    '429 RESOURCE_EXHAUSTED with `retry-after`; those that were accepted are answered; the connection goes on',
    async (scene) => {
      await scene.deploy(holder, { queue: { maxSize: 4 } });
      const letGo = await holdSlot(scene);
      const http = new HttpCaller(scene, scene.daemon.http);
      const accepted = ['1', '2', '3', '4'].map((input) => http.call(scene.name, input, { timeoutMs: 60_000 }));
      await holds(scene, 5);
      await scene.throughout(async () => {
        const answer = await http.call(scene.name, 'one too many');
        assertRefusal(answer, { status: 429, code: 'RESOURCE_EXHAUSTED', message: /^the queue of fault is full: 4 calls wait$/ });
        assert.equal(answer.headers['retry-after'], '1');
        assert.equal(answer.headers.connection, 'keep-alive');
      });
      await letGo();
      assert.deepEqual((await Promise.all(accepted)).map(({ text }) => text).sort(), ['1', '2', '3', '4']);
    },
  );
});

const thrown: [input: string, status: number, code: string, message: RegExp][] = [
  ['throw', 500, 'UNKNOWN', /^it does not work$/],
  ['throw text', 500, 'UNKNOWN', /^just a text$/],
  ['reject', 500, 'UNKNOWN', /^rejected$/],
  ['choose', 409, 'ALREADY_EXISTS', /^a code of its own$/],
  ['choose unavailable', 503, 'UNAVAILABLE', /^its own upstream is gone$/],
  ['nothing', 500, 'INTERNAL', /returned nothing/],
  ['lone surrogate', 500, 'UNKNOWN', /^half \ufffd a character$/],
  ['long message', 500, 'UNKNOWN', /^x{3000,5000} … \(cut\)$/],
  ['line breaks', 500, 'UNKNOWN', /^first\r\nsecond: \0 third$/],
];

faults('HTTP: what a Handler does', {}, (row) => {
  row(
    'The Handler throws, rejects, chooses a code, or returns what is no Reply',
    '500, or the status of the code that it chose, with the message, cut and well-formed; never `dcf-not-started`; the worker is kept',
    async (scene) => {
      await scene.deploy(misbehavingSource, { concurrency: 4 });
      const worker = await scene.replica();
      const http = new HttpCaller(scene, scene.daemon.http);
      await scene.throughout(async () => {
        const answers = await Promise.all(thrown.map(([input]) => http.call(scene.name, input)));
        for (const [index, [, status, code, message]] of thrown.entries()) {
          const answer = answers[index];
          assert.ok(answer !== undefined);
          assertRefusal(answer, { status, code, message });
          assert.equal(answer.headers['dcf-not-started'], undefined, 'it ran: a client must not try it again');
        }
      });
      assert.equal((await http.call(scene.name, 'fine')).text, 'fine');
      assert.equal(await scene.replica(), worker);
    },
  );

  const deaths: [fault: string, input: string, reason: RegExp][] = [
    ['The worker calls `process.exit`', 'exit', /^exit:3$/],
    ['The worker is killed', 'wait', /^signal:SIGKILL$/],
  ];
  for (const [fault, input, reason] of deaths) {
    row(fault, '502 INTERNAL with the reason; the calls in the queue are answered by the next replica', async (scene) => {
      await scene.deploy(misbehavingSource);
      const worker = await scene.replica();
      const http = new HttpCaller(scene, scene.daemon.http);
      const victim = http.call(scene.name, input);
      // Once it is gone, there may be nothing to wait for.
      await Promise.race([victim, holds(scene, 1)]);
      const queued = Array.from({ length: 20 }, (_, index) => http.call(scene.name, `call ${index}`));
      if (input === 'wait') process.kill(worker, 'SIGKILL');
      assertRefusal(await victim, { status: 502, code: 'INTERNAL', message: /the worker died while it ran the call/, reason });
      for (const [index, { status, text }] of (await Promise.all(queued)).entries())
        assert.deepEqual([status, text], [200, `call ${index}`]);
      await eventually('there is another', async () => (await scene.replicas()).some((pid) => pid !== worker));
    });
  }
});
