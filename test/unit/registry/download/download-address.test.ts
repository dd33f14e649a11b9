import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress } from '../../../../src/registry/download/download-address.js';

test('addresses of the public internet', () => {
  for (const address of ['8.8.8.8', '1.1.1.1', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '223.255.255.255']) {
    assert.equal(isPublicAddress(address), true, address);
  }
  for (const address of ['2606:4700::6810:84e5', '2a00:1450:4001::200e', '2001:4860:4860::8888', '2400:cb00::1']) {
    assert.equal(isPublicAddress(address), true, address);
  }
});

test('all others', () => {
  const others = {
    loopback: ['127.0.0.1', '127.255.255.254', '::1'],
    private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1'],
    'link-local': ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
    'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
    multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
    unspecified: ['0.0.0.0', '0.1.2.3', '::'],
    broadcast: ['255.255.255.255', '240.0.0.1'],
    documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
    benchmarks: ['198.18.0.1', '198.19.255.255'],
    'IPv4 in IPv6': [
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::1',
      '2002:7f00:1::',
      '2001:0:7f00:1::',
    ],
    'site-local': ['fec0::1'],
    'no address': ['', 'localhost', '127.1', '0x7f.1', '8.8.8.8%eth0', '2606:4700::1%lo'],
  };
  for (const [kind, addresses] of Object.entries(others)) {
    for (const address of addresses) assert.equal(isPublicAddress(address), false, `${kind}: ${address}`);
  }
});
