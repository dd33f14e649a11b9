import { type Frame, FrameError } from './frame.js';
import { optionalRecord, record, strings, stringValues, text, whole } from './header-fields.js';

/** The protocol's version, sent with INIT. */
export const protocolVersion = 1;

/** What a worker is told before it builds the Handler. */
export interface InitHeader {
  protocol: number;
  function: string;
  revision: string;
  /** Which of the replica's workers this is, from 0. */
  worker: number;
  /** Absolute path of the folder with the revision's files. */
  directory: string;
  /** The file, relative to the folder, and the name of its export. */
  handler: { path: string; name: string };
  /** Called once before the first call, where the manifest names one apart from the Handler. */
  initializer?: { path: string; name: string } | undefined;
  parameters: Readonly<Record<string, unknown>>;
  /** Absolute paths by name. */
  resources: Readonly<Record<string, string>>;
  providers: readonly string[];
  devices: readonly string[];
  concurrency: number;
  /** Calls that `callBatch` may get at once; 1: none. */
  maxBatch: number;
  /** Bytes of one input or output. */
  maxPayload: number;
}

/** Reads what INIT says. Throws a FrameError when something is missing, or the version is another. */
export function readInitHeader(frame: Frame): InitHeader {
  const header = record(frame);
  const init = {
    protocol: whole(header, 'protocol'),
    function: text(header, 'function'),
    revision: text(header, 'revision'),
    worker: whole(header, 'worker'),
    directory: text(header, 'directory'),
    handler: exportNamed(optionalRecord(header, 'handler')),
    initializer: header['initializer'] === undefined ? undefined : exportNamed(optionalRecord(header, 'initializer')),
    parameters: optionalRecord(header, 'parameters'),
    resources: stringValues(header, 'resources'),
    providers: strings(header, 'providers'),
    devices: strings(header, 'devices'),
    concurrency: whole(header, 'concurrency'),
    maxBatch: whole(header, 'maxBatch'),
    maxPayload: whole(header, 'maxPayload'),
  };
  if (init.protocol !== protocolVersion) throw new FrameError(`protocol version ${init.protocol} is not ${protocolVersion}`);
  return init;
}

function exportNamed(value: Readonly<Record<string, unknown>>): { path: string; name: string } {
  return { path: text(value, 'path'), name: text(value, 'name') };
}
