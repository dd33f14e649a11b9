import { DcfError } from '../../errors.js';

/** Loaded when it is needed only: who reads packages needs no bundler. */
export async function loadEsbuild(): Promise<typeof import('esbuild')> {
  try {
    return await import('esbuild');
  } catch (error) {
    throw new DcfError('FAILED_PRECONDITION', 'packing a function for Node needs the package esbuild; run: npm install esbuild', {
      cause: error,
    });
  }
}

/** Ends the process that esbuild keeps for the next bundle. What is being bundled fails. */
export async function stopBundler(): Promise<void> {
  await (await loadEsbuild()).stop();
}
