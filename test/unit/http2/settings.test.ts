import assert from 'node:assert/strict';
import test from 'node:test';
import { applySettings, defaultSettings, encodeSettings, type PeerSettings } from '../../../src/http2/settings.js';
import { settings } from '../../support/http2/frames.js';

function apply(entries: readonly (readonly [identifier: number, value: number])[]): PeerSettings {
  const bytes = settings(entries);
  return applySettings(defaultSettings(), bytes, 9, bytes.length);
}

test('the settings of RFC 9113 before a frame says otherwise', () => {
  assert.deepEqual(apply([]), { headerTableSizes: [], initialWindow: 65_535, maxFrameSize: 16_384 });
});

test('settings are applied in their order, unknown ones are ignored, and each size of the header table counts', () => {
  const entries = [
    [1, 7],
    [4, 10],
    [5, 16_385],
    [0x99, 0xffffffff],
    [2, 1],
    [3, 0],
    [6, 0],
    [4, 20],
    [1, 9],
  ] as const;
  assert.deepEqual(apply(entries), { headerTableSizes: [7, 9], initialWindow: 20, maxFrameSize: 16_385 });
});

const limits = [
  { name: 'ENABLE_PUSH', identifier: 2, allowed: [0, 1], refused: [2, 0xffffffff], code: 'PROTOCOL_ERROR' },
  { name: 'INITIAL_WINDOW_SIZE', identifier: 4, allowed: [0, 0x7fffffff], refused: [0x80000000, 0xffffffff], code: 'FLOW_CONTROL_ERROR' },
  { name: 'MAX_FRAME_SIZE', identifier: 5, allowed: [16_384, 0xffffff], refused: [0, 16_383, 0x1000000], code: 'PROTOCOL_ERROR' },
  { name: 'HEADER_TABLE_SIZE', identifier: 1, allowed: [0, 0xffffffff], refused: [], code: '' },
];

for (const { name, identifier, allowed, refused, code } of limits) {
  test(`${name} has limits`, () => {
    for (const value of allowed) apply([[identifier, value]]);
    for (const value of refused) assert.throws(() => apply([[identifier, value]]), { name: 'ConnectionError', code });
  });
}

test('a part of a setting is refused', () => {
  for (let length = 1; length < 6; length++)
    assert.throws(() => applySettings(defaultSettings(), Buffer.alloc(12), 0, 6 + length), { code: 'FRAME_SIZE_ERROR' });
});

test('settings are written as RFC 9113 describes them', () => {
  assert.equal(encodeSettings({ MAX_CONCURRENT_STREAMS: 2, INITIAL_WINDOW_SIZE: 0xabcdef }).toString('hex'), '000300000002000400abcdef');
});
