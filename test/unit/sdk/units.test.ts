import assert from 'node:assert/strict';
import test from 'node:test';
import { formatDuration, formatSize, parseDuration, parseSize } from '@dcf/sdk/units';
import fc from 'fast-check';

test('durations', () => {
  for (const [text, milliseconds] of [
    ['0ms', 0],
    ['500ms', 500],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ] as const) {
    assert.equal(parseDuration(text), milliseconds, text);
  }
  for (const text of ['', '5', 's', '5 s', '-5s', '5S', '1e3s', '5s ', '.5s', '5.s', '5s5s', 'Infinitys', '5s\n'])
    assert.equal(parseDuration(text), undefined, text);
});

test('sizes', () => {
  for (const [text, bytes] of [
    ['1B', 1],
    ['64MiB', 67_108_864],
    ['1.5KiB', 1536],
    ['1.0001KB', 1000],
    ['2GB', 2_000_000_000],
    ['1TiB', 1_099_511_627_776],
  ] as const) {
    assert.equal(parseSize(text), bytes, text);
  }
  for (const text of ['', '1', 'MiB', '1 MiB', '-1B', '1mib', '1K', '1MiB\n']) assert.equal(parseSize(text), undefined, text);
});

test('sizes for people', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [67_108_864, '64 MiB'],
    [1.5 * 2 ** 40, '1.5 TiB'],
    [5000 * 2 ** 40, '5000 TiB'],
  ] as const) {
    assert.equal(formatSize(bytes), text);
  }
});

test('durations for people', () => {
  for (const [milliseconds, text] of [
    [0, '0 ms'],
    [0.44, '0.4 ms'],
    [12.4, '12 ms'],
    [1300, '1.3 s'],
    [320_000, '5m 20s'],
    [7_260_000, '2h 1m'],
  ] as const) {
    assert.equal(formatDuration(milliseconds), text);
  }
});

test('what is written with a unit is read as that many', () => {
  const count = fc.integer({ min: 0, max: 1_000_000 });
  fc.assert(fc.property(count, (value) => parseDuration(`${value}ms`) === value && parseDuration(`${value}s`) === value * 1000));
  fc.assert(fc.property(count, (value) => parseSize(`${value}B`) === value && parseSize(`${value}KiB`) === value * 1024));
});
