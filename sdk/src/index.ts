export { Client, type InvokeOptions, type InvokeResult } from './client.js';
export type { CallReport, DaemonReport } from './contract/report.js';
export { dcf } from './dcf.js';
export { DcfError, type DcfErrorOptions, type ErrorCode } from './errors.js';
export type {
  CallFunction,
  Chunk,
  Context,
  Handler,
  HandlerClass,
  JsonReply,
  JsonValue,
  Logger,
  LogLevel,
  NestedCallOptions,
  NumberArray,
  Reply,
  Request,
} from './handler.js';
export type { StreamResult } from './stream.js';
export type { Chunks, StreamInput } from './transport/calls/stream-chunks.js';
export type { ClientOptions, TlsOptions } from './transport/options.js';
