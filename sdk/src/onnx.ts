import { InferenceSession } from 'onnxruntime-node';
import { DcfError, messageOf } from './errors.js';
import { workerLink } from './worker.js';

/**
 * Loads an ONNX model once, with the execution providers that were chosen for this worker, and tells the platform which
 * one the session really got. Outside a replica (a test, a script) it uses the CPU.
 *
 * The providers are tried one at a time: given a list, ONNX Runtime rejects as a whole when the library of one is missing.
 *
 * @param path - the model file, such as `context.resources.model`
 * @param options - further session options; `executionProviders` is set here
 * @throws DcfError FAILED_PRECONDITION with each provider's reason, when none takes the model
 */
export async function createSession(
  path: string,
  options: Omit<InferenceSession.SessionOptions, 'executionProviders'> = {},
): Promise<InferenceSession> {
  const link = workerLink();
  const problems: string[] = [];
  for (const provider of link?.providers ?? ['cpu']) {
    try {
      const session = await InferenceSession.create(path, { ...options, executionProviders: [provider] });
      link?.sessionCreated(provider);
      return session;
    } catch (error) {
      problems.push(`${provider}: ${messageOf(error)}`);
    }
  }
  throw new DcfError('FAILED_PRECONDITION', `no execution provider takes the model ${path}: ${problems.join('; ') || 'none was chosen'}`);
}
