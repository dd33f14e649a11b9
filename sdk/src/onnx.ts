import { InferenceSession } from 'onnxruntime-node';
import { DcfError, messageOf } from './errors.js';
import { workerLink } from './worker.js';

/**
 * Loads an ONNX model with the best execution provider that works for it, of those that this worker may use, and tells the platform which
 * one that is. Outside of a replica, such as in a script, it uses the CPU.
 *
 * The providers are tried one at a time: given a list, ONNX Runtime fails as a whole if the library of one provider is missing.
 *
 * @param path - the model file, such as `context.resources['model']`
 * @param options - further options of the session; `executionProviders` is set by this function
 * @throws DcfError FAILED_PRECONDITION with the reason of each provider, when none of them loads the model
 *
 * @example
 * this.#session = await createSession(context.resources['model'] ?? '');
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
  const reasons = problems.join('; ') || 'this worker may use none';
  throw new DcfError('FAILED_PRECONDITION', `no execution provider can load the model ${path}: ${reasons}`);
}
