import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { readCommand } from '../../../src/daemon/config.js';
import { defaultData } from '../../../src/daemon/default-data.js';
import { temporaryDirectory } from '../../support/cleanup.js';

test('the data does not depend on the folder that one stands in', async (t) => {
  const folder = await temporaryDirectory(t);
  const found = (environment: Record<string, string>, root = false) => defaultData({ environment, folder, root }).directory;
  assert.equal(found({}), join(homedir(), '.local/share/dcf'));
  assert.equal(found({ XDG_DATA_HOME: '/home/ada/data' }), '/home/ada/data/dcf');
  assert.equal(found({ XDG_DATA_HOME: '' }), join(homedir(), '.local/share/dcf'));
  assert.equal(found({ XDG_DATA_HOME: 'relative' }), join(homedir(), '.local/share/dcf'), 'a relative one is to be ignored');
  assert.equal(found({ XDG_DATA_HOME: '/home/ada/data' }, true), '/var/lib/dcf');
});

test('./data is used when a daemon has made it, with a warning; any other folder of that name is not', async (t) => {
  const folder = await temporaryDirectory(t);
  const data = join(folder, 'data');
  const given = { environment: { XDG_DATA_HOME: '/elsewhere' }, folder, root: false };
  await mkdir(join(data, 'functions'), { recursive: true });
  assert.deepEqual(defaultData(given), { directory: '/elsewhere/dcf', warning: undefined });
  await mkdir(join(data, 'blobs/sha256'), { recursive: true });
  await writeFile(join(data, 'lock'), '');
  const { directory, warning } = defaultData(given);
  assert.equal(directory, data);
  assert.match(warning ?? '', new RegExp(`^${data} has the data of an earlier daemon, .* instead of /elsewhere/dcf; .* with --data$`));
});

test('--data, DCF_DATA and the file say which; an empty one says nothing', () => {
  const data = (argv: string[], environment: NodeJS.ProcessEnv = {}) => {
    const command = readCommand(argv, environment);
    return command.kind === 'run' ? command.settings.data : undefined;
  };
  assert.equal(data([]), undefined);
  assert.equal(data([], { DCF_DATA: '' }), undefined);
  assert.equal(data([], { DCF_DATA: '/data' }), '/data');
  assert.equal(data(['--data', './data'], { DCF_DATA: '/data' }), './data');
});
