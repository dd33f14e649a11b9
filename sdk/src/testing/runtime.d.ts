import type { InProcessOptions, TestedFunction } from './types.js';

/** The runtime of a worker, for a Handler in this process. The build makes this module of src/runtimes/node/testing/in-process.ts. */
export function startInProcess(options: InProcessOptions): Promise<TestedFunction>;
