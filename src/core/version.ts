import { createRequire } from 'node:module';

/** The version in the project's package.json, three folders above the built file, be it bundled or not. */
export function projectVersion(): string {
  const found: unknown = createRequire(import.meta.url)('../../../package.json');
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown';
}
