import { readFileSync, realpathSync } from 'node:fs';
import { lstat, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packageDirectory } from '../process/platform-packages.js';

/** The packages whose types a Handler in TypeScript is checked against. */
const typedPackages = ['@dcf/sdk', '@types/node'] as const;

const compilerOptions = {
  target: 'es2023',
  module: 'nodenext',
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  types: ['node'],
};

/** The first line of a manifest: where editors find what may stand in it. */
export function schemaComment(path: string): string {
  return `# yaml-language-server: $schema=${path}\n`;
}

/**
 * What editors and the TypeScript compiler need in the folder of a Node function, by path. None of it is sent. The SDK is the one
 * that this `dcf` has, by its place, so that "npm install" there needs no registry that knows it.
 */
export function typeScriptFiles(name: string): Record<string, string> {
  const manifest = {
    name,
    private: true,
    type: 'module',
    scripts: { check: 'tsc' },
    devDependencies: { '@dcf/sdk': `file:${placeOf('@dcf/sdk')}`, '@types/node': '>=20', typescript: '>=5.6' },
  };
  return {
    'package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'tsconfig.json': `${JSON.stringify({ compilerOptions, include: ['**/*.ts'] }, null, 2)}\n`,
    '.gitignore': 'node_modules/\n',
  };
}

/** Lays the types beside a Handler, as "npm install" would: editors know them at once. What is there already stays. */
export async function linkTypes(folder: string): Promise<void> {
  for (const name of typedPackages) {
    const link = join(folder, 'node_modules', name);
    if ((await lstat(link).catch(() => undefined)) !== undefined) continue;
    await mkdir(dirname(link), { recursive: true });
    await symlink(placeOf(name), link, 'dir');
  }
}

/** The JSON schema of function.yaml, as the SDK ships it. */
export function manifestSchemaText(): string {
  return readFileSync(join(placeOf('@dcf/sdk'), 'dist', 'function.schema.json'), 'utf8');
}

function placeOf(name: string): string {
  return realpathSync(packageDirectory(name));
}
