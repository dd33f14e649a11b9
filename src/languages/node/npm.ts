import { access } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { type InstallerRun, installerEnvironment, runInstaller } from '../shared/installer.js';

/** The link in a revision's folder in which Node looks for packages. */
export const modulesLink = 'node_modules';

const installArguments = ['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=notice', '--no-update-notifier', '--no-progress'];

/**
 * Runs `npm ci` in a folder that has package.json and a lock file.
 *
 * @throws DcfError as `runInstaller` does
 */
export async function runNpmCi(directory: string, run: InstallerRun): Promise<void> {
  const command = [...(await findNpm()), ...installArguments];
  await runInstaller({ name: 'npm ci', command, directory, environment: npmEnvironment(process.env) }, run);
}

/** The npm that came with this Node, or the one on the PATH. */
async function findNpm(): Promise<string[]> {
  const folder = dirname(process.execPath);
  for (const modules of [join(folder, '..', 'lib', 'node_modules'), join(folder, 'node_modules')]) {
    const script = join(modules, 'npm', 'bin', 'npm-cli.js');
    try {
      await access(script);
      return [process.execPath, script];
    } catch {
      // Not here: try the next folder.
    }
  }
  return ['npm'];
}

/** Makes npm's environment from the daemon's. */
export function npmEnvironment(daemon: NodeJS.ProcessEnv): Record<string, string> {
  const environment = installerEnvironment(daemon);
  // A daemon that was started by npm, such as by `npm start`, has the settings of that project's .npmrc in its environment. They are not
  // meant for the functions' packages. npm reads the user's own .npmrc again.
  if (daemon['npm_lifecycle_event'] !== undefined) delete environment['npm_config_ignore_scripts'];
  return {
    ...environment,
    // Install scripts that call "node" have to get the Node that will load what they build.
    PATH: [dirname(process.execPath), environment['PATH'] ?? ''].join(delimiter),
    // The install script of onnxruntime-node downloads a provider library, and without a connection the whole install fails.
    ONNXRUNTIME_NODE_INSTALL: 'skip',
    npm_config_onnxruntime_node_install: 'skip',
  };
}
