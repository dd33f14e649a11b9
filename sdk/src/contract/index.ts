export {
  ChunkReader,
  ChunkWriter,
  decodeStreamStart,
  encodeStreamEnd,
  encodeStreamStart,
  replyChunks,
  requestChunks,
  type SentChunk,
  type StreamStart,
} from './chunks.js';
export {
  checkFields,
  decodeInvokeReply,
  decodeInvokeRequest,
  encodeInvokeReply,
  encodeInvokeRequest,
  type InvokeEnvelope,
} from './envelope.js';
export { type Contract, loadContract } from './load.js';
export { type DaemonReport, decodeReport, encodeReport } from './report.js';
export type * from './types.js';
