import { createRequire } from 'node:module';

/** The package yaml, loaded when a command needs it: most are not given any YAML, and it takes a fifth of their start. */
export function yaml(): typeof import('yaml') {
  return createRequire(import.meta.url)('yaml');
}
