import { DcfError } from '../../errors.js';

/** Loads esbuild, which only packing needs. @throws DcfError FAILED_PRECONDITION when it is not installed */
export async function loadEsbuild(): Promise<typeof import('esbuild')> {
  try {
    return await import('esbuild');
  } catch (error) {
    throw new DcfError('FAILED_PRECONDITION', 'packing a function for Node needs the package esbuild; run: npm install esbuild', {
      cause: error,
    });
  }
}

/** Ends the process that esbuild keeps running for further bundles. A bundle that is being made fails. */
export async function stopBundler(): Promise<void> {
  await (await loadEsbuild()).stop();
}
