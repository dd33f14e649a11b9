import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SecretMask } from '../../../../src/registry/secrets/secret-mask.js';

function masked(value: string, text: string): string {
  const mask = new SecretMask();
  mask.add(value);
  return mask.apply(text);
}

test('a value is hidden wherever it stands, whatever characters it has', () => {
  assert.equal(masked('s3cret-value', 's3cret-value and xs3cret-valuex'), '*** and x***x');
  assert.equal(masked('a.c+(d)[e]|$^\\', 'abc a.c+(d)[e]|$^\\ !'), 'abc *** !');
  assert.equal(masked('grüße-9', 'sagt grüße-9'), 'sagt ***');
  assert.equal(masked('s3cret-value', 'nothing of it'), 'nothing of it');
});

test('a short value is not: it would be found in many a word', () => {
  assert.equal(masked('12345', '12345'), '12345');
  assert.equal(masked('123456', '123456'), '***');
});

test('the lines of a value are hidden one by one, because a log is cut into lines', () => {
  const value = '-----BEGIN KEY-----\n  c29tZXRoaW5n\r\n-----END KEY-----\n';
  assert.equal(masked(value, 'got c29tZXRoaW5n'), 'got ***');
  assert.equal(masked(value, `got ${value}`), 'got ***');
});

test('a value is hidden as JSON and URLs show it', () => {
  const value = 'pass "word"/&';
  assert.equal(masked(value, JSON.stringify({ value })), '{"value":"***"}');
  assert.equal(masked(value, `https://host/?key=${encodeURIComponent(value)}&x`), 'https://host/?key=***&x');
  assert.equal(masked('lone \ud800 surrogate', 'lone \ud800 surrogate'), '***');
});

test('of several values the longest is hidden, and one from before stays hidden', () => {
  const mask = new SecretMask();
  mask.add('s3cret');
  mask.add('s3cret-and-more');
  assert.equal(mask.apply('s3cret-and-more s3cret'), '*** ***');
});

test('a value that stands in two parts of a line is hidden in both', () => {
  const mask = new SecretMask();
  mask.add('s3cret-value');
  const first = { continued: false, open: true };
  const middle = { continued: true, open: true };
  const last = { continued: true, open: false };
  assert.equal(mask.applyToPart('the s3cret-', first), 'the ***');
  assert.equal(mask.applyToPart('value is out', last), '*** is out');
  assert.equal(mask.applyToPart('value and s3cr', middle), '*** and ***');
  assert.equal(mask.applyToPart('ret-val', middle), '***');
  assert.equal(mask.applyToPart('s3cret-value s3cret-value', middle), '*** ***');
  assert.equal(mask.applyToPart('Loading s', first), 'Loading s');
  assert.equal(mask.applyToPart('nothing of it', middle), 'nothing of it');
});
