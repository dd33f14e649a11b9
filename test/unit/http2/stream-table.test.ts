import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { Stream, type StreamPort } from '../../../src/http2/stream.js';
import { StreamTable } from '../../../src/http2/stream-table.js';

const port: StreamPort = {
  sendHeaders: () => undefined,
  sendEnd: () => undefined,
  pump: () => undefined,
  sendReset: () => undefined,
  sendCredit: () => undefined,
  closed: () => undefined,
  fault: () => undefined,
  now: () => 0,
};

const stream = (id: number): Stream => new Stream(id, port, { send: 1, receive: 1 });

test('thousands of streams come and go as in a map', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 5_000 }), { minLength: 100, maxLength: 1_000 }), (choices) => {
      const table = new StreamTable();
      const map = new Map<number, Stream>();
      let id = 1;
      for (const choice of choices) {
        // Two streams come for one that goes, whichever it is.
        for (let more = 0; more < 2; more++, id += 2 * (1 + (choice % 3))) {
          const one = stream(id);
          table.add(one);
          map.set(id, one);
        }
        const gone = [...map.values()][choice % map.size];
        if (gone === undefined) continue;
        table.remove(gone);
        map.delete(gone.id);
        assert.equal(table.find(gone.id), undefined);
      }
      assert.equal(table.size, map.size);
      assert.deepEqual(new Set(table.all()), new Set(map.values()));
      for (const [known, one] of map) assert.equal(table.find(known), one);
    }),
    { numRuns: 20 },
  );
});

test('an empty table finds nothing, and a stream that is not in it is not removed', () => {
  const table = new StreamTable();
  assert.equal(table.find(1), undefined);
  table.add(stream(1));
  table.remove(stream(33));
  table.remove(stream(1));
  assert.equal(table.size, 1);
});

test('the last 1,024 resets are remembered', () => {
  const table = new StreamTable();
  for (let id = 1; id <= 2 * 1_500; id += 2) table.rememberReset(id);
  assert.ok(!table.wasReset(951), 'an old one');
  assert.ok(table.wasReset(953), 'the oldest of 1,024');
  assert.ok(table.wasReset(2_999), 'the last one');
});
