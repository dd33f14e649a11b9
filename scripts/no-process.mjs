// Loaded before each file of the unit tests: a test that starts a process fails, and is told where it belongs.
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

// The runner itself, which starts the files, has no such variable.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  const refuse = () => {
    throw new Error('a unit test starts a process: it belongs to test/integration');
  };
  childProcess.ChildProcess.prototype.spawn = refuse;
  for (const name of ['spawnSync', 'execFileSync', 'execSync']) childProcess[name] = refuse;
  syncBuiltinESMExports();
}
