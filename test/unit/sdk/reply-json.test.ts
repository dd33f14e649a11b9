import assert from 'node:assert/strict';
import test from 'node:test';
import { runInNewContext } from 'node:vm';
import { DcfError } from '@dcf/sdk';
import { jsonText } from '@dcf/sdk/runtime';
import { Tensor } from 'onnxruntime-node';

class Point {
  readonly #secret = 1;
  constructor(
    readonly x: number,
    readonly y: number,
  ) {}
  get sum(): number {
    return this.x + this.y + this.#secret;
  }
}

class Hidden {
  readonly #value = 1;
  get value(): number {
    return this.#value;
  }
}

class Money {
  readonly #cents = 1250;
  toJSON(): unknown {
    return { amount: this.#cents / 100, rates: new Float64Array([0.5]) };
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

test('what JSON has, and what becomes it without a loss', () => {
  for (const [value, text] of [
    [{ a: [1, 'x', null, true, {}, []], b: undefined }, '{"a":[1,"x",null,true,{},[]]}'],
    [{ scores: new Float32Array([0.5, 1]) }, '{"scores":[0.5,1]}'],
    [[new Int8Array([-1]), new Uint8Array([255]), new Uint8ClampedArray([300])], '[[-1],[255],[255]]'],
    [new Float64Array([0.1]), '[0.1]'],
    [{ labels: new BigInt64Array([-3n, 9007199254740991n]) }, '{"labels":[-3,9007199254740991]}'],
    [{ label: 7n, also: new BigUint64Array([1n]) }, '{"label":7,"also":[1]}'],
    [{ at: new Date(0), where: new URL('http://localhost/a') }, '{"at":"1970-01-01T00:00:00.000Z","where":"http://localhost/a"}'],
    [[new Point(1, 2)], '[{"x":1,"y":2}]'],
    [{ price: new Money() }, '{"price":{"amount":12.5,"rates":[0.5]}}'],
    [JSON.parse('{"__proto__":{"a":1},"b":2}'), '{"__proto__":{"a":1},"b":2}'],
    [{ ['__proto__']: 1, n: 2n }, '{"__proto__":1,"n":2}'],
    [[Object(1), Object('s'), Object(true), Object(2n)], '[1,"s",true,2]'],
    [[-0, 1e21, 5e-324], '[0,1e+21,5e-324]'],
    [Object.assign(Object.create(null), { a: 1, b: new Uint8Array(1) }), '{"a":1,"b":[0]}'],
    [runInNewContext('({ a: [1, {}], b: new Float32Array([2]), c: new Date(0) })'), '{"a":[1,{}],"b":[2],"c":"1970-01-01T00:00:00.000Z"}'],
    [{ shared: [Point.prototype.constructor.length], twice: [1] }, '{"shared":[2],"twice":[1]}'],
    [new Tensor('float32', new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]), '[[1,2,3],[4,5,6]]'],
    [{ label: new Tensor('int64', new BigInt64Array([3n]), []) }, '{"label":3}'],
    [
      { none: new Tensor('float32', new Float32Array(0), [0, 4]), words: new Tensor('string', ['a'], [1, 1]) },
      '{"none":[],"words":[["a"]]}',
    ],
    [{ tolist: () => [[1], [2n]] }, '[[1],[2]]'],
    [{ arraySync: () => [[1], [2n]] }, '[[1],[2]]'],
  ] as const) {
    assert.equal(jsonText(value), text);
  }
  const twice = { n: 1n };
  assert.equal(jsonText([twice, twice]), '[{"n":1},{"n":1}]', 'what occurs twice is no circle');
  assert.equal(jsonText(nested(2_000)), JSON.stringify(nested(2_000)));
});

test('whatever JSON would lose or change is refused, with its place and what to do', () => {
  const circle: { list: unknown[] } = { list: [] };
  circle.list.push({ back: circle.list });
  for (const [value, message] of [
    [{ scores: [0, 1, 2, NaN] }, /^reply\.scores\[3\] is NaN; .*write null/],
    [{ a: { 'b c': -Infinity } }, /^reply\.a\["b c"\] is -Infinity;/],
    [{ scores: new Float32Array([1, Infinity]) }, /^reply\.scores\[1\] is Infinity;/],
    [NaN, /^the Handler returned NaN;/],
    [{ id: 9007199254740993n }, /^reply\.id is the bigint 9007199254740993; .*String\(value\)/],
    [{ ids: new BigUint64Array([2n ** 64n - 1n]) }, /^reply\.ids\[0\] is the bigint 18446744073709551615;/],
    [{ m: new Map([[1, 2]]) }, /^reply\.m is a Map; write Object\.fromEntries/],
    [new Set([1]), /^the Handler returned a Set; write \[\.\.\.set\]/],
    [new Map(), /^the Handler returned a Map;/],
    [[new ArrayBuffer(1)], /^reply\[0\] is an ArrayBuffer;/],
    [{ picture: Buffer.from('a') }, /^reply\.picture is a Buffer; .*base64/],
    [new DataView(new ArrayBuffer(1)), /^the Handler returned a DataView;/],
    [new SharedArrayBuffer(1), /^the Handler returned a SharedArrayBuffer;/],
    [new TypeError('lost'), /^the Handler returned a TypeError; throw it/],
    [{ error: Object.assign(new Error('lost'), { code: 1 }) }, /^reply\.error is an Error; throw it/],
    [new Response('hello'), /^the Handler returned a Response; .*await response\.text\(\)/],
    [new Blob(['a']), /^the Handler returned a Blob;/],
    [{ later: Promise.resolve(1) }, /^reply\.later is a Promise; await it/],
    [[/x/], /^reply\[0\] is a RegExp; write String\(expression\)/],
    [{ at: new Date(NaN) }, /^reply\.at is an invalid Date;/],
    [[1, undefined], /^reply\[1\] is nothing \(undefined\); write null/],
    [new Array(1), /^reply\[0\] is nothing \(undefined\)/],
    [{ call: () => 1 }, /^reply\.call is a function;/],
    [{ s: Symbol('s') }, /^reply\.s is a symbol;/],
    [{ hidden: new Hidden() }, /^reply\.hidden is a Hidden; JSON would write \{\}/],
    [{ parameters: new URLSearchParams('a=1') }, /^reply\.parameters is an? URLSearchParams; write Object\.fromEntries/],
    [{ chunks: new ReadableStream() }, /^reply\.chunks is a ReadableStream; return it as the whole reply/],
    [{ steps: [1].values() }, /^reply\.steps is an (Array )?Iterator; write \[\.\.\.value\]/],
    [circle, /^reply\.list\[0\]\.back is the same object as reply\.list; JSON cannot write a circular structure/],
    [{ a: { toJSON: () => undefined } }, /^reply\.a is an object whose toJSON returns nothing/],
    [{ a: { toJSON: () => ({ b: NaN }) } }, /^reply\.a\.b is NaN/],
    [{ a: { toJSON: () => assert.fail('of its own') } }, /^reply\.a is an object that JSON cannot write; of its own/],
    [{ half: new Tensor('float16', new Uint16Array([15360]), [1]) }, /^reply\.half is .*float16.*float32/],
    [nested(200_000), /that JSON cannot write: Maximum call stack/],
  ] as const) {
    assert.throws(
      () => jsonText(value),
      (error) => {
        assert.ok(DcfError.is(error), String(error));
        assert.equal(error.code, 'INTERNAL');
        assert.match(error.message, message);
        return true;
      },
    );
  }
});
