import { type Frame, FrameError } from './frame.js';
import { optionalRecord, record, strings, stringValues, text, whole } from './header-fields.js';

/** The protocol's version, sent with INIT. */
export const protocolVersion = 1;

/** The header of INIT: what a worker has to know before it builds the Handler. */
export interface InitHeader {
  protocol: number;
  function: string;
  revision: string;
  /** The number of this worker in its replica, from 0. */
  worker: number;
  /** Absolute path of the folder with the revision's files. */
  directory: string;
  /** The Handler's file, relative to the folder, and the name of its export. */
  handler: { path: string; name: string };
  /** A function to call once before the first call, if the manifest names one besides the Handler. */
  initializer?: { path: string; name: string } | undefined;
  parameters: Readonly<Record<string, unknown>>;
  /** The resources' absolute paths, by name. */
  resources: Readonly<Record<string, string>>;
  /** The execution providers that sessions may use, best first. */
  providers: readonly string[];
  /** Device numbers as in `CUDA_VISIBLE_DEVICES`. */
  devices: readonly string[];
  /** How many calls, or batches, the Handler gets at the same time. */
  concurrency: number;
  /** The most calls of one batch; 1: calls are not batched. */
  maxBatch: number;
  /** The most bytes of one input or output. */
  maxPayload: number;
}

/** Reads the header of INIT. Throws a FrameError when a field is missing, or when the protocol's version is another one. */
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
