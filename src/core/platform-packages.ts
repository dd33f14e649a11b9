import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

export { platformPackages } from '@dcf/sdk/languages';

const require = createRequire(import.meta.url);

/**
 * The folder of one of the platform's own packages.
 *
 * @throws Error when it is not installed
 */
export function packageDirectory(name: string): string {
  const marker = `${sep}node_modules${sep}${name.replaceAll('/', sep)}`;
  for (const folder of require.resolve.paths(name) ?? []) {
    const candidate = `${dirname(folder)}${marker}`;
    if (exists(candidate)) return candidate;
  }
  throw new Error(`the platform's own package ${name} is not installed`);
}

/** The version of one of the platform's own packages, such as `1.30.0`. @throws Error when it is not installed */
export function packageVersion(name: string): string {
  const content: unknown = JSON.parse(readFileSync(join(packageDirectory(name), 'package.json'), 'utf8'));
  if (typeof content === 'object' && content !== null && 'version' in content && typeof content.version === 'string')
    return content.version;
  throw new Error(`the platform's own package ${name} has no version`);
}

function exists(directory: string): boolean {
  try {
    require.resolve(join(directory, 'package.json'));
    return true;
  } catch {
    return false;
  }
}
