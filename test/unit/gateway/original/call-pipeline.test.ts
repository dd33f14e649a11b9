import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DcfError } from '../../../../src/core/errors.js';
import { type Begin, CallPipeline, type CallSink, maxOpenCalls } from '../../../../src/gateway/original/call-pipeline.js';

const full = new DcfError('RESOURCE_EXHAUSTED', 'the queue is full', { retryAfterMs: 100 });

/** A pipeline whose calls end when the test says so, and all that it did. */
function pipelineUnderTest() {
  const told: string[] = [];
  const running = new Map<string, CallSink>();
  const sent: (() => void)[] = [];
  const taken: string[] = [];
  const room = { calls: Number.POSITIVE_INFINITY };
  const pipeline = new CallPipeline({
    send: ({ output }, done) => {
      told.push(Buffer.from(output).toString());
      sent.push(done);
    },
    finished: () => told.push('finished'),
    failed: (error) => told.push(`failed: ${error.message}`),
    hold: (held) => told.push(held ? 'hold' : 'go on'),
  });
  const begin = (name: string): Begin => {
    return (sink) => {
      if (running.size >= room.calls) sink.settle({ ok: false, error: full }, undefined);
      else running.set(name, sink);
      const cancel = (): void => {
        told.push(`cancel ${name}`);
        running.delete(name);
        sink.settle({ ok: false, error: new DcfError('CANCELLED', 'gone') }, undefined);
      };
      return { cancel, taken: (length) => taken.push(`${name} ${length}`) };
    };
  };
  const output = (name: string, text = name): void => {
    running.get(name)?.output({ output: Buffer.from(text), kind: 'bytes', headroom: 0, release: () => undefined });
  };
  const end = (name: string): void => {
    const sink = running.get(name);
    running.delete(name);
    sink?.settle({ ok: true, output: Buffer.alloc(0), kind: 'bytes', headroom: 0, release: () => undefined }, undefined);
  };
  const answer = (name: string): void => {
    output(name);
    end(name);
  };
  const fail = (name: string): void => {
    const sink = running.get(name);
    running.delete(name);
    sink?.settle({ ok: false, error: new DcfError('UNKNOWN', name) }, undefined);
  };
  const take = (...names: string[]): void => {
    for (const name of names) pipeline.take(begin(name));
  };
  return { pipeline, told, running, sent, taken, room, take, output, end, answer, fail };
}

test('answers leave in the order of their calls, and the end after the last', () => {
  const { pipeline, told, take, answer } = pipelineUnderTest();
  take('a', 'b', 'c');
  pipeline.finish();
  answer('c');
  answer('b');
  assert.deepEqual(told, []);
  answer('a');
  assert.deepEqual(told, ['a', 'b', 'c', 'finished']);
});

test('outputs of the first call leave as they come, those behind it wait for its end', () => {
  const { pipeline, told, sent, taken, take, output, end, answer } = pipelineUnderTest();
  take('a', 'b');
  pipeline.finish();
  output('a', 'a1');
  output('b', 'b1');
  assert.deepEqual(told, ['a1']);
  output('a', 'a2');
  answer('b');
  assert.deepEqual(told, ['a1', 'a2']);
  end('a');
  assert.deepEqual(told, ['a1', 'a2', 'b1', 'b', 'finished']);
  assert.deepEqual(taken, []);
  for (const done of sent) done();
  assert.deepEqual(taken, ['a 2', 'a 2', 'b 2', 'b 1']);
});

test('a stream without calls ends at once', () => {
  const { pipeline, told } = pipelineUnderTest();
  pipeline.finish();
  assert.deepEqual(told, ['finished']);
});

test('what failed ends the stream after the answers before it; the calls behind it are cancelled at once', () => {
  const { told, take, answer, fail } = pipelineUnderTest();
  take('a', 'b', 'c', 'd');
  answer('d');
  fail('b');
  assert.deepEqual(told, ['cancel c', 'cancel d', 'hold']);
  answer('a');
  assert.deepEqual(told.slice(3), ['a', 'failed: b']);
});

test('no more is wanted while so many calls are open, until an answer has been sent', () => {
  const { told, sent, take, answer } = pipelineUnderTest();
  const names = Array.from({ length: maxOpenCalls }, (_, index) => `call ${index}`);
  take(...names.slice(1));
  assert.deepEqual(told, []);
  take('call 0');
  assert.deepEqual(told, ['hold']);
  answer('call 1');
  assert.deepEqual(told, ['hold', 'call 1']);
  sent[0]?.();
  assert.deepEqual(told, ['hold', 'call 1', 'go on']);
});

test('a call for which the function has no room waits for one of the same stream', () => {
  const { told, room, running, take, answer, pipeline } = pipelineUnderTest();
  room.calls = 2;
  take('a', 'b', 'c');
  assert.deepEqual(told, ['hold']);
  answer('a');
  assert.ok(running.has('c'));
  answer('b');
  answer('c');
  pipeline.finish();
  assert.deepEqual(
    told.filter((line) => line !== 'hold' && line !== 'go on'),
    ['a', 'b', 'c', 'finished'],
  );
});

test('without a call of its own to wait for, a full queue ends the stream', () => {
  const { told, room, take } = pipelineUnderTest();
  room.calls = 0;
  take('a');
  assert.deepEqual(told, ['failed: the queue is full']);
});

test('a stream that was full may run more calls again later', () => {
  const { room, running, take, answer } = pipelineUnderTest();
  room.calls = 1;
  take('first', 'second');
  assert.equal(running.size, 1);
  room.calls = Number.POSITIVE_INFINITY;
  answer('first');
  answer('second');
  for (let index = 0; index < maxOpenCalls; index++) {
    take(`later ${index}`);
    answer(`later ${index}`);
  }
  take('one', 'two');
  assert.equal(running.size, 2);
});

test('a stream that is cancelled cancels what runs, and tells nothing more', () => {
  const { pipeline, told, running, take } = pipelineUnderTest();
  take('a', 'b');
  pipeline.cancel();
  assert.deepEqual(told, ['cancel a', 'cancel b']);
  take('c');
  pipeline.finish();
  assert.equal(running.size, 0);
  assert.equal(told.length, 2);
});
