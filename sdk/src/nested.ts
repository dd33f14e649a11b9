/** How a Handler calls another function. */
export interface NestedCallOptions {
  /** The alias or revision to call; the active revision otherwise. */
  alias?: string | undefined;
  /** At most so long, `'5s'` or milliseconds; never longer than the call that it is made for. */
  timeout?: string | number | undefined;
  /** Beside the metadata of the call that it is made for, and in place of what has the same key. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** Gives the call up when it aborts. */
  signal?: AbortSignal | undefined;
}

/**
 * Calls another function of the same daemon, and resolves with its output. The deadline, the cancel, the id and the metadata of
 * the call that it is made for go along.
 *
 * @param input - must not be changed until the call is answered
 * @throws DcfError with the code that the other function failed with, and its message behind its name; FAILED_PRECONDITION
 *   where there is no call that it could be made for, and for a chain of too many calls; ABORTED when it would wait for a slot
 *   that only calls that wait for it could free; RESOURCE_EXHAUSTED for an input over `limits.payload` of either function
 */
export type CallFunction = (name: string, input: Uint8Array | string, options?: NestedCallOptions) => Promise<Uint8Array>;
