import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import { type ControlHandlers, loadContract } from '@dcf/sdk/contract';
import { ControlClient } from '@dcf/sdk/control';
import { parseManifestJson } from '@dcf/sdk/manifest';
import { isDigest } from '@dcf/sdk/names';
import type { FileSource, FunctionPackage, PackedFile } from '@dcf/sdk/package';
import { status } from '@grpc/grpc-js';
import { healthService, startGrpc } from '../../support/sdk/servers.js';

type Methods = Pick<
  ControlHandlers,
  'Delete' | 'Deploy' | 'Describe' | 'Info' | 'List' | 'Logs' | 'Rollback' | 'Scale' | 'SetAlias' | 'SetTraffic'
>;

const refuse = { code: status.UNIMPLEMENTED, details: 'this test has no such method' };
const none: Methods = {
  Delete: (_call, callback) => callback(refuse),
  Describe: (_call, callback) => callback(refuse),
  Info: (_call, callback) => callback(refuse),
  List: (_call, callback) => callback(refuse),
  Deploy: (call) => call.emit('error', refuse),
  Logs: (call) => call.emit('error', refuse),
  Rollback: (call) => call.emit('error', refuse),
  Scale: (_call, callback) => callback(refuse),
  SetAlias: (call) => call.emit('error', refuse),
  SetTraffic: (call) => call.emit('error', refuse),
};

/** A client of a daemon that has these methods of dcf.v1.Control; both end with the test. */
export async function controlOf(
  t: TestContext,
  methods: Partial<Methods>,
  options: ConstructorParameters<typeof ControlClient>[1] = {},
): Promise<ControlClient> {
  const url = await startGrpc(t, [healthService(), [loadContract().dcf.Control.service, { ...none, ...methods }]]);
  const client = new ControlClient(url, options);
  t.after(() => client.close());
  return client;
}

/** A file of a package, of which `bytes` is what it had when it was packed. */
export function packedFile(path: string, bytes: Uint8Array, source: FileSource = { kind: 'memory', bytes }): PackedFile {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (!isDigest(sha256)) throw new Error('SHA-256 is no digest');
  return { path, mode: 0o644, size: bytes.length, sha256, source };
}

export function packageOf(...files: PackedFile[]): FunctionPackage {
  return { manifest: parseManifestJson('{"name":"digits","threads":2}'), files };
}
