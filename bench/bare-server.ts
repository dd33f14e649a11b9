// The peer of the benchmarks: a bare grpc-js echo server in one process, with identity codecs and nothing else.

import { decodeInvokeRequest, encodeInvokeReply, loadContract } from '@dcf/sdk/contract';
import { Server, ServerCredentials } from '@grpc/grpc-js';

const identity = (message: Buffer): Buffer => message;
const { Invoke } = loadContract().dcf.Functions.service;
const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
server.addService(
  { Invoke: { ...Invoke, requestDeserialize: identity, responseSerialize: identity } },
  {
    Invoke: (call: { request: Buffer }, callback: (error: null, reply: Buffer) => void) =>
      callback(null, encodeInvokeReply(decodeInvokeRequest(call.request).input)),
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
process.on('SIGTERM', () => {
  server.forceShutdown();
});
