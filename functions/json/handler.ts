import type { JsonValue, Request } from '@dcf/sdk';

/** Reads JSON and answers with the same JSON, without the white space. */
export class Handler {
  /** @throws {DcfError} INVALID_ARGUMENT when the input is no JSON. */
  call(request: Request): JsonValue {
    return request.json<JsonValue>();
  }
}
