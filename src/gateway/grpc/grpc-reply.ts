import { encodeInvokeReply } from '@dcf/sdk/contract';
import type { Output } from '../../pool/calls/invocation.js';

/** An output as it is given to grpc-js, and whether that has made its own copy yet. */
export interface Reply {
  output: Output;
  copied: boolean;
}

/** grpc-js copies what this returns into its frame before it does anything else. */
export function serializeReply(reply: Reply): Buffer {
  reply.copied = true;
  return encodeInvokeReply(reply.output.output, reply.output.headroom);
}

/** A codec that hands over the bytes as they are. */
export const identity = (message: Buffer): Buffer => message;
