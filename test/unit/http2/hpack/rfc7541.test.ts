import assert from 'node:assert/strict';
import test from 'node:test';
import { HpackDecoder } from '../../../../src/http2/hpack/decoder.js';
import { tableSize } from '../../../support/hpack-blocks.js';

/** The examples of RFC 7541, appendix C: the blocks of one connection each, in order, and the lists that they stand for. */
const connections: { name: string; maxTableSize?: number; blocks: { hex: string; list: string[] }[] }[] = [
  {
    name: 'C.2.1: a literal with indexing',
    blocks: [{ hex: '400a637573746f6d2d6b65790d637573746f6d2d686561646572', list: ['custom-key', 'custom-header'] }],
  },
  { name: 'C.2.2: a literal without indexing', blocks: [{ hex: '040c2f73616d706c652f70617468', list: [':path', '/sample/path'] }] },
  { name: 'C.2.3: a literal never indexed', blocks: [{ hex: '100870617373776f726406736563726574', list: ['password', 'secret'] }] },
  { name: 'C.2.4: an indexed field', blocks: [{ hex: '82', list: [':method', 'GET'] }] },
];

const request = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
const requests = [
  request,
  [...request, 'cache-control', 'no-cache'],
  [':method', 'GET', ':scheme', 'https', ':path', '/index.html', ':authority', 'www.example.com', 'custom-key', 'custom-value'],
];
const [date1, date2] = ['Mon, 21 Oct 2013 20:13:21 GMT', 'Mon, 21 Oct 2013 20:13:22 GMT'];
const location = 'https://www.example.com';
const cookie = 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const responses = [
  [':status', '302', 'cache-control', 'private', 'date', date1, 'location', location],
  [':status', '307', 'cache-control', 'private', 'date', date1, 'location', location],
  [':status', '200', 'cache-control', 'private', 'date', date2, 'location', location, 'content-encoding', 'gzip', 'set-cookie', cookie],
];

function connection(name: string, lists: string[][], hexes: string[], maxTableSize?: number): void {
  const blocks = lists.map((list, at) => ({ list, hex: hexes[at] ?? '' }));
  connections.push(maxTableSize === undefined ? { name, blocks } : { name, maxTableSize, blocks });
}

connection('C.3: requests without Huffman code', requests, [
  '828684410f7777772e6578616d706c652e636f6d',
  '828684be58086e6f2d6361636865',
  '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
]);
connection('C.4: requests with Huffman code', requests, [
  '828684418cf1e3c2e5f23a6ba0ab90f4ff',
  '828684be5886a8eb10649cbf',
  '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
]);
connection(
  'C.5: responses without Huffman code, with evictions',
  responses,
  [
    '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
    '4803333037c1c0bf',
    '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
  ],
  256,
);
connection(
  'C.6: responses with Huffman code, with evictions',
  responses,
  [
    '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
    '4883640effc1c0bf',
    '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
  ],
  256,
);

for (const { name, maxTableSize, blocks } of connections) {
  test(`RFC 7541, ${name}`, () => {
    const decoder = new HpackDecoder({ maxListSize: 1 << 16 });
    // The examples give the table its size without saying so in a block.
    if (maxTableSize !== undefined) decoder.decode(tableSize(maxTableSize));
    for (const { hex, list } of blocks) assert.deepEqual(decoder.decode(Buffer.from(hex, 'hex')), list);
  });
}
