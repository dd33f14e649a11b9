import { encodeInvokeReply } from '@dcf/sdk/contract';
import type { Output } from '../../pool/calls/invocation.js';

/** An output that is given to grpc-js, and whether grpc-js has copied it yet. */
export interface Reply {
  output: Output;
  copied: boolean;
}

/** The message of a reply. grpc-js copies it into its frame at once. */
export function serializeReply(reply: Reply): Buffer {
  reply.copied = true;
  return encodeInvokeReply(reply.output.output, reply.output.headroom);
}

/** A codec that changes nothing. */
export const identity = (message: Buffer): Buffer => message;
