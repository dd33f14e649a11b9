export { DcfError, type DcfErrorOptions, type ErrorCode } from './errors.js';
export type { Context, Handler, HandlerClass, JsonValue, Logger, LogLevel, Reply, Request } from './handler.js';
