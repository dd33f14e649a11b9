import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { temporaryDirectory } from '../support/cleanup.js';
import { startDaemon } from '../support/daemon.js';
import { deploySource, echoSource } from '../support/functions.js';
import { root } from '../support/programs.js';
import { runModule, runPython, withoutPython } from '../support/python.js';

const frames = 1000;

/** The way in which the original's own package was written: one stub, one message, and what it says is the result. */
const oldApi = `
import grpc
import gateway_pb2
import gateway_pb2_grpc

def dcf(url, service, arg):
    stub = gateway_pb2_grpc.GatewayStub(grpc.insecure_channel(url))
    return stub.Invoke(gateway_pb2.InvokeServiceRequest(Service=service, Input=arg)).Msg
`;

/** Sends every frame and compares what comes back while it does. */
const streamFrames = `
import glob, hashlib, json, sys
import grpc, gateway_pb2, gateway_pb2_grpc
url, folder = sys.argv[1:]
paths = sorted(glob.glob(folder + '/*.jpg'))
def requests():
    for path in paths:
        with open(path, 'rb') as file:
            yield gateway_pb2.InvokeServiceRequest(Service='echo', Input=file.read())
stub = gateway_pb2_grpc.GatewayStub(grpc.insecure_channel(url))
equal, digest, count = True, hashlib.sha256(), 0
for path, message in zip(paths, stub.Invokes(requests(), timeout=120)):
    with open(path, 'rb') as file:
        equal = equal and file.read() == message.Output
    digest.update(message.Output)
    count += 1
print(json.dumps({'count': count, 'equal': equal, 'digest': digest.hexdigest()}))
`;

const skip = withoutPython('grpc', 'grpc_tools.protoc');
if (skip === false) await testClient();
else test('a Python client made from the original contract', { skip });

async function testClient(): Promise<void> {
  const owner = { after };
  const daemon = await startDaemon(owner);
  await deploySource(owner, daemon, 'echo', echoSource, { concurrency: 8 });
  await deploySource(owner, daemon, 'fails', 'export class Handler { call() { throw new Error("not today"); } }');
  const generated = await generate((contract) => contract);
  const python = (program: string, ...args: string[]): Promise<unknown> => runPython(`${oldApi}\n${program}`, { path: [generated], args });

  async function generate(edit: (contract: string) => string): Promise<string> {
    const folder = await temporaryDirectory(owner);
    await writeFile(join(folder, 'gateway.proto'), edit(await readFile(join(root, 'proto', 'gateway.proto'), 'utf8')));
    await runModule('grpc_tools.protoc', `-I${folder}`, `--python_out=${folder}`, `--grpc_python_out=${folder}`, 'gateway.proto');
    return folder;
  }

  test('gets text where the contract has text', async () => {
    const original = await generate((contract) => contract.replace('bytes Msg', 'string Msg'));
    const program = `${oldApi}\nimport json, sys\nprint(json.dumps(dcf(url=sys.argv[1], service='echo', arg='Grüße, 世界'.encode())))`;
    assert.equal(await runPython(program, { path: [original], args: [daemon.url] }), 'Grüße, 世界');
  });

  test('gets every byte where the contract has bytes', async () => {
    const program = `import json, sys\nprint(json.dumps(list(dcf(url=sys.argv[1], service='echo', arg=bytes(range(256))))))`;
    assert.deepEqual(
      await python(program, daemon.url),
      Array.from({ length: 256 }, (_, byte) => byte),
    );
  });

  test('is told why a call failed', async () => {
    const program = `
import json, sys
def tried(service):
    try:
        return dcf(url=sys.argv[1], service=service, arg=b'x').decode()
    except grpc.RpcError as error:
        return [error.code().name, error.details()]
print(json.dumps([tried('fails'), tried('nobody')]))`;
    assert.deepEqual(await python(program, daemon.url), [
      ['UNKNOWN', 'not today'],
      ['NOT_FOUND', 'there is no function nobody'],
    ]);
  });

  test('asks for what is deployed, changes it, and reads its log', async (t) => {
    await deploySource(t, daemon, 'asked', 'export class Handler { call(request) { console.log("seen"); return request.input; } }');
    const program = `
import json, sys, time
stub = gateway_pb2_grpc.GatewayStub(grpc.insecure_channel(sys.argv[1]))
name = gateway_pb2.FunctionRequest(FunctionName='asked')
stub.Invoke(gateway_pb2.InvokeServiceRequest(Service='asked', Input=b'x'))
meta = stub.GetMeta(name)
while b'seen' not in stub.GetLog(name).Msg:
    time.sleep(0.01)
said = [
    stub.ReplicaUpdate(gateway_pb2.ScaleServiceRequest(ServiceName='asked', Replicas=2)).Msg,
    stub.Update(gateway_pb2.CreateFunctionRequest(Service='asked', Image=meta.Image, Labels={'tier': 'test'})).Msg,
    stub.HealthCheck(gateway_pb2.Empty()).Msg,
    stub.Info(gateway_pb2.Empty()).Msg[:5],
]
labels = dict(stub.GetMeta(name).Labels)
said.append(stub.Delete(gateway_pb2.DeleteFunctionRequest(FunctionName='asked')).Msg)
left = [function.Name for function in stub.List(gateway_pb2.Empty()).Functions]
print(json.dumps([meta.Name, meta.InvocationCount, [text.decode() for text in said], labels, left]))`;
    const [name, calls, said, labels, left] = Object(await python(program, daemon.url));
    assert.deepEqual([name, calls, labels, left], ['asked', 1, { tier: 'test' }, ['echo', 'fails']]);
    assert.match(said.join('|'), /^asked has 2 replicas\|asked@[0-9a-f]{16} is active\|OK\|dcfd \|asked is deleted$/);
  });

  test('gets a thousand JPEG frames back through one stream, in order', async () => {
    const folder = await temporaryDirectory(owner);
    const digest = createHash('sha256');
    const seen = new Set<string>();
    for (let index = 0; index < frames; index++) {
      const background = { r: index & 255, g: (index >> 2) & 255, b: (index * 37) & 255 };
      const overlay = Buffer.from(`<svg width="96" height="64"><text x="4" y="40" font-size="24">${index}</text></svg>`);
      const image = sharp({ create: { width: 96, height: 64, channels: 3, background } });
      const jpeg = await image
        .composite([{ input: overlay }])
        .jpeg()
        .toBuffer();
      seen.add(jpeg.toString('base64'));
      digest.update(jpeg);
      await writeFile(join(folder, `${String(index).padStart(4, '0')}.jpg`), jpeg);
    }
    assert.equal(seen.size, frames);
    const result = await runPython(streamFrames, { path: [generated], args: [daemon.url, folder] });
    assert.deepEqual(result, { count: frames, equal: true, digest: digest.digest('hex') });
  });
}
