import { nodeInterpreter, replicaProgram } from '../../core/interpreter.js';
import type { Language } from '../shared/language.js';
import { modulesLink } from './npm.js';
import { nodeTemplates } from './templates.js';

const mebibyte = 2 ** 20;
/** What a Node process has in memory besides its old generation: code, young generation, stacks of threads. */
const besideHeapMiB = 96;

/**
 * V8's limit for each worker's heap, in MiB. It is low enough that a leak of objects ends with V8's own message before the whole
 * process is over its limit.
 *
 * @param memoryLimit - the limit of the whole process, in bytes
 */
export function heapLimit(memoryLimit: number, workers: number): number {
  const total = memoryLimit / mebibyte;
  const heaps = Math.max(total / 4, (total - besideHeapMiB) * 0.9);
  return Math.max(8, Math.floor(heaps / workers));
}

/** JavaScript and TypeScript, run by the Node that runs this program. */
export const node: Language = {
  find: async () => nodeInterpreter,
  command: ({ executable }, workers, memoryLimit) => {
    const heap = memoryLimit === undefined ? [] : [`--max-old-space-size=${heapLimit(memoryLimit, workers)}`];
    return [executable, '--enable-source-maps', ...heap, replicaProgram('node/bundle/main.js')];
  },
  // Loaded when something is to be installed: it reads packages, which takes what most commands of dcf do without.
  plan: async (directory) => (await import('./npm-plan.js')).planPackages(directory),
  link: modulesLink,
  templates: nodeTemplates,
};
