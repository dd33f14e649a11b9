import type { Manifest } from '@dcf/sdk/manifest';

export interface LocalLogEntry {
  level: 'debug' | 'info' | 'warn' | 'error';
  text: string;
  callId: string;
}

export interface LocalOptions {
  manifest: Manifest;
  /** Folder with the package's files (the bundled handler, the resources) laid out as a revision's folder is. */
  directory: string;
  /** Absolute paths of the resources, by name. */
  resources: Readonly<Record<string, string>>;
  /** Execution providers that the replica may use, best first; already probed. */
  providers: readonly string[];
  onLog: (entry: LocalLogEntry) => void;
}

export interface LocalResult {
  output: Uint8Array;
  runMs: number;
}

export interface LocalFunction {
  initMs: number;
  /** The execution providers that its sessions really use. */
  providers: readonly string[];
  call(input: Uint8Array): Promise<LocalResult>;
  close(): Promise<void>;
}

/**
 * Runs a function in a replica of its own, without a daemon, through the very same runtime.
 *
 * @throws DcfError as a deploy would fail: FAILED_PRECONDITION with the Handler's own stack as `cause`
 */
export async function startLocal(options: LocalOptions): Promise<LocalFunction> {
  throw new Error(`not built yet: ${options.manifest.name}`);
}
