import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { dcf } from './command-line.js';

const commands = ['init', 'run', 'deploy', 'invoke', 'list', 'describe', 'logs', 'delete', 'secret', 'doctor'];

test('help of every command: what it does, its options, an example', async () => {
  for (const command of commands) {
    const { code, stdout, stderr } = await dcf([command, '--help']);
    assert.deepEqual([code, stderr], [0, ''], command);
    assert.match(stdout, new RegExp(`^Usage: dcf ${command} `));
    assert.match(stdout, new RegExp(`Example:\n {2}dcf ${command}`));
    assert.match(stdout, /--url <url>/);
  }
});

test('dcf alone says which commands there are, and that this was not one', async () => {
  const { code, stdout, stderr } = await dcf([]);
  assert.deepEqual([code, stdout], [2, '']);
  for (const command of commands) assert.match(stderr, new RegExp(`^ {2}${command} `, 'm'));
});

test('dcf --help and --version', async () => {
  const help = await dcf(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /DCF_TOKEN_FILE/);
  assert.match(help.stdout, /Exit codes: 0 success, 1 the call or deploy failed, 2 wrong usage/);
  const version = await dcf(['--version']);
  assert.deepEqual([version.code, /^\d+\.\d+\.\d+\n$/.test(version.stdout)], [0, true]);
});

test('dcf help, dcf help COMMAND and dcf version are other ways to ask', async () => {
  for (const [words, options] of [
    [['help'], ['--help']],
    [
      ['help', 'invoke'],
      ['invoke', '--help'],
    ],
    [
      ['help', 'secret', 'set'],
      ['secret', 'set', '--help'],
    ],
    [['version'], ['--version']],
  ] as const) {
    const [said, meant] = await Promise.all([dcf(words), dcf(options)]);
    assert.deepEqual(said, meant, words.join(' '));
    assert.equal(said.code, 0);
  }
});

test('a folder without function.yaml: what to do, and which folders have one', async (t) => {
  const cwd = await temporaryDirectory(t);
  for (const command of ['deploy', 'run']) {
    const { code, stderr } = await dcf([command], { cwd });
    assert.equal(code, 1);
    assert.match(stderr, /dcf: function\.yaml: there is no such file; "dcf init NAME" makes a folder with one$/m);
  }
  assert.equal((await dcf(['init', 'hello'], { cwd })).code, 0);
  assert.match((await dcf(['run'], { cwd })).stderr, /there is no such file; give the folder of a function: hello$/m);
});

test('bad usage ends with 2, says what is wrong on stderr, and shows no stack', async () => {
  const cases: [string[], RegExp][] = [
    [['nope'], /unknown command 'nope'/],
    [['list', '--nope'], /unknown option '--nope'/],
    [['list', 'extra'], /too many arguments/],
    [['lits'], /unknown command 'lits'\n\(Did you mean list\?\)/],
    [['help', 'lits'], /unknown command 'lits'\n\(Did you mean list\?\)/],
    [['invoke', 'echo', '--dta', 'x'], /unknown option '--dta'\n\(Did you mean --data\?\)/],
    [['version', 'extra'], /unknown command 'version'/],
    [['deploy', '.', '--alias', 'Prod'], /"Prod" is not a valid alias/],
    [['deploy', '.', '--traffic', '101'], /whole percentage from 0 to 100/],
    [['deploy', '.', '--traffic', '10', '--canary-max-error-rate', '100'], /percentage from 0 to below 100/],
    [['deploy', '.', '--canary-max-error-rate', '5'], /needs --traffic, too/],
    [['rollback'], /missing required argument 'name'/],
    [['traffic', 'echo', 'prod'], /with its percentage, such as prod=90/],
    [['traffic', 'echo', 'prod=101'], /with its percentage/],
    [['traffic', 'echo', '--max-error-rate', '5'], /--max-error-rate needs shares/],
    [['alias', 'echo', 'prod'], /give either a revision or --delete/],
    [['alias', 'echo', 'prod', 'next', '--delete'], /give either a revision or --delete/],
    [['alias', 'echo', 'deadbeefdeadbeef', 'next'], /is not a valid alias: .* not 16 hexadecimal digits/],
    [['scale', 'echo'], /give --min, --max or both/],
    [['scale', 'echo', '--min', '-1'], /whole number, 0 or more/],
    [['scale', 'echo', '--max', '0'], /whole number above 0/],
    [['deploy', '.', '--set', 'novalue'], /must be KEY=VALUE/],
    [['deploy', '.', '--set', 'a..b=1'], /"a\.\.b" is not a key: write names with dots between them/],
    [['deploy', '.', '--set', 'a={'], /not valid YAML/],
    [['invoke'], /missing required argument 'name'/],
    [['invoke', 'Bad_Name'], /"Bad_Name" is not a valid function name/],
    [['invoke', 'echo', '--timeout', '5'], /must be a duration above 0 with its unit/],
    [['invoke', 'echo', '--timeout', '0s'], /must be a duration/],
    [['invoke', 'echo', '--input', 'x', '--data', 'y'], /--input or --data, not both/],
    [['invoke', 'echo', '--input', '/nowhere/x'], /--input \/nowhere\/x cannot be read/],
    [['logs', 'echo', '--since', 'yesterday'], /must be a duration such as 10m/],
    [['logs', 'echo', '--tail', '-1'], /whole number, 0 or more/],
    [['logs', 'echo', '--tail', '1.5'], /whole number, 0 or more/],
    [['logs', 'echo', '--tail', '4294967296'], /too large: it may be 4294967295 at most/],
    [['scale', 'echo', '--max', '99999999999999999999'], /too large/],
    [['init', '../x'], /is not a valid function name/],
    [['secret', 'set', '../x'], /is not a valid name of a secret/],
    [['secret', 'set', 'KEY', 'value'], /too many arguments/],
    [['secret', 'set', 'KEY', '--function', 'No_Name'], /is not a valid function name/],
    [['secret', 'set', 'KEY'], /the value of KEY is empty: give it on stdin or with --input FILE/],
    [['init', 'x', '--runtime', 'ruby'], /Allowed choices are node, python/],
    [['--url'], /argument missing/],
  ];
  for (const [args, reason] of cases) {
    const { code, stdout, stderr } = await dcf(args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, reason);
    assert.match(stderr, /^dcf: /m);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});
