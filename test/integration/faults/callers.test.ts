import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { cleanUp } from '../../support/cleanup.js';
import type { FaultReply } from '../../support/faults/fault-client.js';
import { faults } from '../../support/faults/fault-matrix.js';
import { callState, holder, holdSlot, holds, seen } from '../../support/faults/holder.js';
import { assertReply, type DaemonScene, passedIn } from '../../support/faults/scene.js';
import { eventually } from '../../support/processes.js';
import { invokeRequest } from '../../support/raw-client.js';

/** Heeds no signal, so that its slot is free only after the grace. */
const deaf =
  "export class Handler { call(request: any): any { return request.text() === 'hold' ? new Promise(() => undefined) : request.input; } }";

faults('Callers who go, or come too late', {}, (row) => {
  row('The client goes while its call is queued', 'CANCELLED is recorded; the Handler never sees the call', async (scene) => {
    await scene.deploy(holder);
    const letGo = await holdSlot(scene);
    const gone = scene.controller();
    const queued = Array.from({ length: 5 }, () => scene.call('never', { signal: gone.signal }));
    await holds(scene, 6);
    gone.abort();
    for (const reply of await Promise.all(queued)) assertReply(reply, { code: 'CANCELLED' });
    await holds(scene, 1);
    assert.equal((await callState(scene)).errors, 5);
    await letGo();
    assert.deepEqual(await seen(scene), ['hold', 'aborted hold']);
  });

  row('The client goes while its call runs', 'CANCELLED is recorded; the signal fires and the slot is free', async (scene) => {
    await scene.deploy(holder);
    const worker = await scene.replica();
    const letGo = await holdSlot(scene);
    const next = scene.call('next');
    await holds(scene, 2);
    await letGo();
    assertReply(await next, { code: 'OK', text: 'next' });
    assert.equal((await callState(scene)).errors, 1);
    assert.deepEqual(await seen(scene), ['hold', 'aborted hold', 'next']);
    assert.equal(await scene.replica(), worker);
  });

  row(
    'A connection breaks with 100 calls on it, some queued, some running',
    'Every slot and every place in the queue is free',
    async (scene) => {
      await scene.deploy(holder, { concurrency: 10 });
      const session = await openSession(scene);
      const message = invokeRequest({ function: scene.name, input: Buffer.from('hold') });
      for (let count = 0; count < 100; count++) begin(session, message.length).end(message);
      await holds(scene, 100);
      session.destroy();
      await holds(scene, 0);
    },
  );

  row('The client goes in the middle of its body', 'Nothing is called; what came of the body is given free', async (scene) => {
    await scene.deploy(holder);
    for (let count = 0; count < 8; count++) {
      const session = await openSession(scene);
      const message = invokeRequest({ function: scene.name, input: Buffer.alloc(2 ** 20) });
      const request = begin(session, message.length);
      await new Promise((resolve) => request.write(message.subarray(0, 2 ** 19), resolve));
      session.destroy();
      await once(session, 'close');
    }
    assert.deepEqual(await seen(scene), []);
  });

  row('The deadline passes in the queue', 'DEADLINE_EXCEEDED; the Handler is never called', async (scene) => {
    await scene.deploy(holder);
    const letGo = await holdSlot(scene);
    const late = Array.from({ length: 20 }, (_, index) => scene.call('never', { timeoutMs: 50 + 10 * index }));
    for (const reply of await Promise.all(late)) assertReply(reply, { code: 'DEADLINE_EXCEEDED', details: passedIn('queue') });
    await holds(scene, 1);
    await letGo();
    assert.deepEqual(await seen(scene), ['hold', 'aborted hold']);
  });

  row("The function's own `timeout` passes", 'DEADLINE_EXCEEDED, which says where, in the queue and in the Handler', async (scene) => {
    await scene.deploy(deaf, { timeout: '150ms' });
    const [running, queued] = [scene.call('hold'), scene.call('never')];
    assertReply(await running, { code: 'DEADLINE_EXCEEDED', details: /^fault: the deadline of 150 ?ms passed in the Handler$/ });
    assertReply(await queued, { code: 'DEADLINE_EXCEEDED', details: /^fault: the deadline of 150 ?ms passed in the queue$/ });
    await eventually('the next is answered', async () => (await scene.call('next')).text === 'next');
  });
});

async function openSession(scene: DaemonScene): Promise<ClientHttp2Session> {
  const session = connect(`http://${scene.daemon.url}`);
  cleanUp(scene, () => session.destroy());
  session.on('error', () => undefined);
  await once(session, 'connect');
  return session;
}

/** Begins a call: what is written next is its message. */
function begin(session: ClientHttp2Session, messageLength: number): ClientHttp2Stream {
  const headers = { ':method': 'POST', ':path': '/dcf.v1.Functions/Invoke', 'content-type': 'application/grpc', te: 'trailers' };
  const request = session.request(headers);
  request.on('error', () => undefined);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(messageLength, 1);
  request.write(head);
  return request;
}

/** The middle one of some numbers. */
function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

faults('Too much at once', {}, (row) => {
  row(
    'The queue is full',
    'RESOURCE_EXHAUSTED with a push-back, while nothing moves in the queue; those that were accepted are answered',
    async (scene) => {
      await scene.deploy(holder, { queue: { maxSize: 4 } });
      const plain: number[] = [];
      for (let count = 0; count < 50; count++) plain.push((await scene.expect('plain', { code: 'OK' })).tookMs);
      const letGo = await holdSlot(scene);
      // One more than the queue takes may be sent ahead to the worker.
      const accepted: Promise<FaultReply>[] = [];
      for (const count of [1, 2, 3, 4, 5]) {
        const call = scene.call(`accepted ${count}`);
        await Promise.race([call, holds(scene, count + 1)]);
        const { running, queued } = await callState(scene);
        if (running + queued === count + 1) accepted.push(call);
      }
      assert.ok(accepted.length >= 4);
      const refused: number[] = [];
      for (let count = 0; count < 50; count++) {
        const reply = await scene.expect('one too many', {
          code: 'RESOURCE_EXHAUSTED',
          details: /the queue of fault is full: 4 calls wait/,
        });
        assert.ok((reply.pushbackMs ?? 0) > 0);
        refused.push(reply.tookMs);
      }
      scene.note(`a plain call took ${median(plain).toFixed(2)} ms (median), a refusal ${median(refused).toFixed(2)} ms`);
      await letGo();
      for (const reply of await Promise.all(accepted)) assertReply(reply, { code: 'OK' });
    },
  );

  row(
    'The bytes in flight are used up',
    'RESOURCE_EXHAUSTED with a push-back; small calls, also of others, are answered',
    async (scene) => {
      await scene.deploy(holder, { concurrency: 4 });
      const gone = scene.controller();
      const large = Buffer.concat([Buffer.from('hold'), Buffer.alloc(2 ** 20 - 4)]);
      const held = [1, 2, 3].map(() => scene.call(large, { signal: gone.signal, timeoutMs: 60_000 }));
      await holds(scene, 3);
      for (let count = 0; count < 20; count++) {
        const details = /the inputs of calls in flight hold 3(\.\d)? MiB, and the limit is 4 MiB \(--max-bytes-in-flight\)/;
        const reply = await scene.expect(Buffer.alloc(2 ** 21), { code: 'RESOURCE_EXHAUSTED', details });
        assert.ok((reply.pushbackMs ?? 0) > 0);
        await scene.expect('small', { code: 'OK', text: 'small' });
      }
      gone.abort();
      await Promise.all(held);
      await eventually('there is room again', async () => (await scene.call(Buffer.alloc(2 ** 21))).code === 'OK');
    },
  );

  row(
    'Five times as many calls at once as there is room for',
    'Those that are accepted are answered, the others are RESOURCE_EXHAUSTED with a push-back; with the SDK, which comes back, all are answered',
    async (scene) => {
      await scene.deploy(
        'declare const setTimeout: any; export class Handler { call(request: any) { return new Promise((resolve) => setTimeout(resolve, 2, request.input)); } }',
        { queue: { maxSize: 19 } },
      );
      const begun = performance.now();
      const replies = await Promise.all(Array.from({ length: 100 }, (_, index) => scene.call(String(index))));
      const answered = replies.filter(({ code }) => code === 'OK');
      assert.ok(answered.length >= 20, `${answered.length} were answered; there was room for 20`);
      for (const [index, reply] of replies.entries()) {
        if (reply.code === 'OK') assert.equal(reply.text, String(index));
        else assertReply(reply, { code: 'RESOURCE_EXHAUSTED', details: /is full/ });
        assert.ok(reply.code === 'OK' || (reply.pushbackMs ?? 0) > 0);
      }
      scene.note(`${answered.length} of 100 were answered, in ${Math.round(performance.now() - begun)} ms`);
      const warnings: Error[] = [];
      const note = (warning: Error): void => void warnings.push(warning);
      process.on('warning', note);
      scene.after(() => void process.off('warning', note));
      const { client } = scene.daemon;
      const retried = Array.from({ length: 100 }, (_, index) =>
        scene.ledger.follow('with the SDK', 30_000, client.invoke(scene.name, String(index), { timeout: '30s' })),
      );
      for (const [index, { output }] of (await Promise.all(retried)).entries()) assert.equal(Buffer.from(output).toString(), String(index));
      assert.deepEqual(warnings, [], 'Node warns of no leak');
    },
  );
});
