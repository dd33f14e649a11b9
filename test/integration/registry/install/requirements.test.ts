import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { nodeInterpreter } from '../../../../src/core/interpreter.js';
import type { PythonInterpreter } from '../../../../src/languages/python/pip.js';
import { sitePackagesLink } from '../../../../src/languages/python/pip.js';
import { planRequirements } from '../../../../src/languages/python/requirements-plan.js';
import { installDependencies, recoverDependencies, sweepDependencies } from '../../../../src/registry/install/dependencies.js';
import { temporaryDirectory } from '../../../support/cleanup.js';
import { lacksModules, testPython } from '../../../support/pythons.js';
import { assertNoLeftovers } from '../../../support/registry.js';
import { makeWheel } from '../../../support/wheels.js';

const run = promisify(execFile);

const skip = lacksModules('pip');
const python = skip === false ? await testPython() : nodeInterpreter;
const withPython = { skip };

describe('requirements.txt', () => {
  let environment: NodeJS.ProcessEnv = {};

  before(() => {
    environment = { ...process.env };
    // Nothing may be asked of a registry here.
    process.env['PIP_NO_INDEX'] = '1';
    process.env['UV_NO_INDEX'] = '1';
  });
  after(() => {
    process.env = environment;
  });

  async function revisionWith(context: TestContext, requirements: string): Promise<{ data: string; revision: string }> {
    const data = await temporaryDirectory(context);
    await recoverDependencies(data);
    const revision = join(data, 'functions/digits', '1'.repeat(16));
    await mkdir(join(revision, 'vendor'), { recursive: true });
    await writeFile(join(revision, 'requirements.txt'), requirements);
    return { data, revision };
  }

  test('a byte order mark before the first line does no harm', withPython, async (context) => {
    const { revision } = await revisionWith(context, '\uFEFF-r more.txt\n');
    await writeFile(join(revision, 'more.txt'), '\uFEFF# nothing but this\r\ntiny==1.0\r\n');
    const plan = await planRequirements(revision, python);
    assert.deepEqual(
      [...(plan?.files ?? [])].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]),
      [
        ['requirements.txt', '-r more.txt\n'],
        ['more.txt', '# nothing but this\r\ntiny==1.0\r\n'],
      ],
    );
  });

  async function addWheel(revision: string, name: string, answer: number): Promise<void> {
    const { file, bytes } = await makeWheel(python.executable, name, '1.0.0', { [`${name}/__init__.py`]: `answer = ${answer}\n` });
    await writeFile(join(revision, 'vendor', file), bytes);
  }

  async function answerOf(revision: string, name: string): Promise<string> {
    const { stdout } = await run(python.executable, ['-c', `import ${name}; print(${name}.answer)`], {
      env: { PYTHONPATH: join(revision, sitePackagesLink) },
    });
    return stdout.trim();
  }

  /** A PATH on which only pip is to be had, or only uv: the packages of the tests bring it. */
  async function only(installer: 'pip' | 'uv'): Promise<string | undefined> {
    const plain = ['/usr/bin', '/bin'];
    if (installer === 'pip') return plain.join(delimiter);
    const search = [dirname(python.executable), process.env['PATH']].join(delimiter);
    const { stdout } = await run('sh', ['-c', 'command -v uv || true'], { env: { PATH: search } });
    return stdout === '' ? undefined : [dirname(stdout.trim()), ...plain].join(delimiter);
  }

  for (const installer of ['pip', 'uv'] as const) {
    test(`is installed with ${installer}, shared by all that want the same, and swept when none does`, withPython, async (context) => {
      const path = await only(installer);
      if (path === undefined) {
        context.skip('uv is not installed here');
        return;
      }
      const { data, revision } = await revisionWith(context, '--find-links vendor\n-r more.txt\ntiny==1.0.0  # the answer\n');
      await writeFile(join(revision, 'more.txt'), './vendor/other-1.0.0-py3-none-any.whl\n');
      await addWheel(revision, 'tiny', 42);
      await addWheel(revision, 'other', 7);
      const second = join(data, 'functions/digits', '2'.repeat(16));
      await cp(revision, second, { recursive: true });
      const lines: string[] = [];
      const before = process.env['PATH'];
      process.env['PATH'] = path;
      try {
        const options = { dataDirectory: data, interpreter: python };
        await Promise.all(
          [revision, second].map((revisionDirectory) =>
            installDependencies({ ...options, revisionDirectory, onOutput: (line) => lines.push(line) }),
          ),
        );
      } finally {
        process.env['PATH'] = before;
      }
      assert.match(lines.join('\n'), /tiny/);
      assert.deepEqual([await answerOf(revision, 'tiny'), await answerOf(second, 'other')], ['42', '7']);
      const [digest = '', ...others] = await readdir(join(data, 'dependencies'));
      assert.deepEqual(others, []);
      assert.equal(await readlink(join(revision, sitePackagesLink)), `../../../../dependencies/${digest}/site-packages`);
      const compiled = await readdir(join(revision, sitePackagesLink, 'tiny/__pycache__'));
      assert.deepEqual(compiled, [`__init__.${python.tag}.pyc`]);
      await assertNoLeftovers(data);
      await sweepDependencies(data, [second]);
      assert.deepEqual(await readdir(join(data, 'dependencies')), [digest]);
      await sweepDependencies(data, []);
      assert.deepEqual(await readdir(join(data, 'dependencies')), []);
    });
  }

  test('sets of packages that have the same in them share its files on the disk, the compiled ones too', withPython, async (context) => {
    const { data, revision } = await revisionWith(context, './vendor/tiny-1.0.0-py3-none-any.whl\n');
    const second = join(data, 'functions/digits', '2'.repeat(16));
    await addWheel(revision, 'tiny', 42);
    await addWheel(revision, 'other', 7);
    await cp(revision, second, { recursive: true });
    await writeFile(join(second, 'requirements.txt'), './vendor/tiny-1.0.0-py3-none-any.whl\n./vendor/other-1.0.0-py3-none-any.whl\n');
    const lines: string[] = [];
    for (const revisionDirectory of [revision, second]) {
      await installDependencies({ revisionDirectory, dataDirectory: data, interpreter: python, onOutput: (line) => lines.push(line) });
    }
    assert.equal((await readdir(join(data, 'dependencies'))).length, 2);
    const compiled = `tiny/__pycache__/__init__.${python.tag}.pyc`;
    for (const file of ['tiny/__init__.py', compiled]) {
      const [one, two] = await Promise.all([revision, second].map((folder) => stat(join(folder, sitePackagesLink, file))));
      assert.ok(one !== undefined && two !== undefined && one.ino === two.ino, file);
      assert.equal(one.mode & 0o222, 0, 'nobody may write into what others have');
    }
    // https://peps.python.org/pep-0552/: it names its source by a hash that is not checked.
    assert.equal((await readFile(join(second, sitePackagesLink, compiled))).readUInt32LE(4), 1);
    assert.match(lines.join('\n'), /of it is shared with packages that were installed before/);
    assert.deepEqual([await answerOf(revision, 'tiny'), await answerOf(second, 'other')], ['42', '7']);
    await sweepDependencies(data, [second]);
    assert.equal(await answerOf(second, 'tiny'), '42');
    await sweepDependencies(data, []);
    assert.deepEqual(await readdir(join(data, 'shared-files')), []);
  });

  test(
    'a package that does not exist fails the install with the installer’s last lines, and leaves nothing',
    withPython,
    async (context) => {
      const { data, revision } = await revisionWith(context, 'no-such-package-anywhere==1.2.3\n');
      const lines: string[] = [];
      const options = { revisionDirectory: revision, dataDirectory: data, interpreter: python };
      await assert.rejects(installDependencies({ ...options, onOutput: (line) => lines.push(line) }), {
        code: 'FAILED_PRECONDITION',
        message: /the dependencies cannot be installed: (uv )?pip install ended with exit code 1\n(.|\n)*no-such-package-anywhere/,
      });
      assert.match(await readFile(`${revision}.build.log`, 'utf8'), /no-such-package-anywhere/);
      assert.deepEqual(await readdir(join(data, 'dependencies')), []);
    },
  );

  test(
    'without uv and without pip, whoever reads the error learns what was looked for and what to install',
    withPython,
    async (context) => {
      const { data, revision } = await revisionWith(context, './vendor/tiny-1.0.0-py3-none-any.whl\n');
      await addWheel(revision, 'tiny', 42);
      const bare = join(data, 'bare');
      await run(python.executable, ['-m', 'venv', '--without-pip', bare]);
      const interpreter = { ...python, executable: join(bare, 'bin/python') };
      const before = process.env['PATH'];
      process.env['PATH'] = await only('pip');
      try {
        await assert.rejects(
          installDependencies({ revisionDirectory: revision, dataDirectory: data, interpreter, onOutput: () => undefined }),
          {
            code: 'FAILED_PRECONDITION',
            message:
              `the dependencies cannot be installed: they need uv or pip, but uv is not on the PATH, and ${interpreter.executable} has no pip; ` +
              `install uv, or run "${interpreter.executable} -m ensurepip" (Debian: apt install python3-pip)`,
          },
        );
      } finally {
        process.env['PATH'] = before;
      }
      assert.deepEqual(await readdir(join(data, 'dependencies')), []);
    },
  );

  test('is another set of packages for another interpreter, file or platform, and none without requirements', async (context) => {
    const { revision } = await revisionWith(context, '# nothing yet\n\n');
    const one = { executable: '/usr/bin/python3', tag: 'cpython-311' };
    assert.equal(await planRequirements(revision, one), undefined);
    await writeFile(join(revision, 'requirements.txt'), 'numpy\\\n ==2.0\n-c limits.txt\nhttps://example.com/thing-1.0.zip\n');
    await writeFile(join(revision, 'limits.txt'), 'pillow<12\n');
    const digest = async (python: PythonInterpreter): Promise<string | undefined> => (await planRequirements(revision, python))?.digest;
    const first = await digest(one);
    assert.equal(await digest({ ...one }), first);
    assert.notEqual(await digest({ ...one, tag: 'cpython-312' }), first);
    await writeFile(join(revision, 'limits.txt'), 'pillow<11\n');
    assert.notEqual(await digest(one), first);
    assert.deepEqual([...((await planRequirements(revision, one))?.files.keys() ?? [])], ['requirements.txt', 'limits.txt']);
  });

  for (const [line, message] of [
    ['-e .', /requirements\.txt: -e \.: a folder cannot be installed; build a wheel/],
    ['./vendor', /requirements\.txt: \.\/vendor is a folder/],
    ['-r ../outside.txt', /requirements\.txt names "\.\.\/outside\.txt", which/],
    ['/etc/thing.whl', /requirements\.txt names "\/etc\/thing\.whl", which/],
    ['-c missing.txt', /missing\.txt is not in the package/],
    ['vendor/missing-1.0-py3-none-any.whl', /names vendor\/missing-1\.0-py3-none-any\.whl, which is not in the package/],
    ['--find-links nowhere', /names the folder nowhere, which is not in the package/],
  ] as const) {
    test(`"${line}" is refused before anything is installed`, async (context) => {
      const { revision } = await revisionWith(context, `${line}\n`);
      const planned = planRequirements(revision, { executable: '/usr/bin/python3', tag: 'cpython-311' });
      await assert.rejects(planned, { code: 'FAILED_PRECONDITION', message });
    });
  }
});
