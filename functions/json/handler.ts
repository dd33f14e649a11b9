import type { JsonValue, Request } from '@dcf/sdk';

/** Reads JSON and answers with the same JSON, without white space. */
export class Handler {
  /** @throws {DcfError} INVALID_ARGUMENT when the input is not valid JSON. */
  call(request: Request): JsonValue {
    return request.json<JsonValue>();
  }
}
