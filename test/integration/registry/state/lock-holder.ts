/** Opens the data directory of its argument, says so, and stays: the process that a test kills. */
import { Registry } from '../../../../src/registry/registry.js';
import { deploy, packageOf, prepare } from '../../../support/registry.js';

const registry = await Registry.open(process.argv[2] ?? '');
await deploy(registry, packageOf({ name: 'digits' }, { 'version.txt': '1' }));
await prepare(registry, packageOf({ name: 'digits' }, { 'version.txt': '2' }));
const half = packageOf({ name: 'digits' }, { 'version.txt': '3 and more' });
const { missing } = await registry.createRevision(half);
for (const { sha256, size } of missing) await (await registry.blobs.writer(sha256, size)).write(Buffer.from('3'));
process.send?.('holding');
process.on('disconnect', () => process.exit());
