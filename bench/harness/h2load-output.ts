import { DcfError } from '@dcf/sdk/errors';

/** What h2load says of a run. */
export interface H2loadSummary {
  /** Responses a second, from the first connection to the last response. */
  callsPerSecond: number;
  total: number;
  /** Responses with an HTTP status below 400. A failed gRPC call is one of them: its status is a trailer. */
  succeeded: number;
  /** Responses with a status of 2xx. */
  successes: number;
  /** Requests that got no response, or one with another status. */
  failed: number;
  /** Bytes of all DATA frames received, without their heads. */
  dataBytes: number;
}

/**
 * Reads what h2load prints when it is done.
 * Format: https://nghttp2.org/documentation/h2load.1.html, section OUTPUT
 *
 * @throws DcfError INTERNAL when it is no such text
 */
export function parseSummary(text: string): H2loadSummary {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(text)?.[1];
    if (found === undefined)
      throw new DcfError('INTERNAL', `h2load printed something else than expected: ${JSON.stringify(text.slice(-300))}`);
    return Number(found);
  };
  return {
    callsPerSecond: number(/^finished in \S+, (\d+(?:\.\d+)?) req\/s,/m),
    total: number(/^requests: (\d+) total,/m),
    succeeded: number(/^requests: .* (\d+) succeeded,/m),
    successes: number(/^status codes: (\d+) 2xx,/m),
    failed: number(/^requests: .* (\d+) failed,/m),
    dataBytes: number(/^traffic: .* \((\d+)\) data$/m),
  };
}

/**
 * Reads the file that `--log-file` names: a line for each response, in the order of their ends, with the start in
 * microseconds since the epoch, the HTTP status (-1: the stream failed) and the microseconds until the end, divided by tabs.
 *
 * @returns milliseconds of each response
 * @throws DcfError INTERNAL for another line, or another status than 200
 */
export function parseRequestLog(text: string): number[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, status, microseconds] = /^\d+\t(-?\d+)\t(\d+)(?:\t|$)/.exec(line) ?? [];
      if (status === '200' && microseconds !== undefined) return Number(microseconds) / 1000;
      throw new DcfError('INTERNAL', `h2load logged a response that is no success: ${JSON.stringify(line)}`);
    });
}
