import { probeInThisProcess } from './providers.js';

// The daemon is gone: nobody waits for the answer.
process.on('disconnect', () => process.exit());
process.send?.(await probeInThisProcess(process.argv[2] ?? ''));
