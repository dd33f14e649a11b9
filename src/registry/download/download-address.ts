import { BlockList, isIP } from 'node:net';

/** IPv4 networks that are not global, https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast. */
const notGlobal4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** The network of all global IPv6 addresses. IPv4-mapped addresses and NAT64, which could lead to a private IPv4 address, are outside it. */
const global6 = '2000::/3';

/** Networks in it that are not global, https://www.iana.org/assignments/iana-ipv6-special-registry; 6to4 and Teredo contain IPv4 addresses. */
const notGlobal6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

function listOf(networks: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), family);
  }
  return list;
}

const refused4 = listOf(notGlobal4, 'ipv4');
const allowed6 = listOf([global6], 'ipv6');
const refused6 = listOf(notGlobal6, 'ipv6');

/** Whether a text is an IP address of the public internet. An address with a zone, such as `fe80::1%eth0`, is not. */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) return false;
  switch (isIP(address)) {
    case 4:
      return !refused4.check(address, 'ipv4');
    case 6:
      return allowed6.check(address, 'ipv6') && !refused6.check(address, 'ipv6');
    default:
      return false;
  }
}
