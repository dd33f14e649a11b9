import { replicaProgram } from '../../core/interpreter.js';
import type { Language } from '../shared/language.js';
import { findPython } from './interpreter.js';
import { sitePackagesLink } from './pip.js';
import { pythonTemplates } from './templates.js';

/** Python, run by the CPython of the version that the manifest names, or else by the daemon's `--python`. */
export const python: Language = {
  find: (wanted, program = 'python3') => findPython({ version: wanted.python, fallback: program }),
  // -B writes no byte code into the revision's folder; faulthandler prints the Python line that led to a crash in native code.
  command: ({ executable }) => [executable, '-B', '-X', 'faulthandler', replicaProgram('python/main.py')],
  plan: async (directory, interpreter) => (await import('./requirements-plan.js')).planRequirements(directory, interpreter),
  link: sitePackagesLink,
  templates: pythonTemplates,
};
