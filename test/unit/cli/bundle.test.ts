import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commandsFor } from '../../../src/cli/program.js';

const folder = fileURLToPath(new URL('../../../src/bin/', import.meta.url));

/** The text of a file of the command line, and of all that it imports before it runs. */
function loadedWith(file: string, seen = new Map<string, string>()): string {
  if (!seen.has(file)) {
    const text = readFileSync(`${folder}${file}`, 'utf8');
    seen.set(file, text);
    for (const [, imported] of text.matchAll(/(?:from|import)\s*"\.\/([\w-]+\.js)"/g)) loadedWith(String(imported), seen);
  }
  return [...seen.values()].join('\n');
}

/** The file with the module that adds a command. */
function fileOf(command: string): string {
  const [, file] = new RegExp(`${command}:async\\(\\)=>\\(await import\\("\\./([\\w-]+\\.js)"\\)`).exec(loadedWith('dcf.js')) ?? [];
  assert.ok(file !== undefined, `dcf.js loads ${command}`);
  return file;
}

/** What tells that a package is in a file: a name that it exports, and that nothing else has. */
const marks = { zod: 'ZodError', yaml: 'YAMLParseError', 'grpc-js': 'grpc.max_receive_message_length', esbuild: 'from"esbuild"' };

function packagesIn(text: string): string[] {
  return Object.entries(marks).flatMap(([name, mark]) => (text.includes(mark) ? [name] : []));
}

test('what the program loads before it knows the command has none of the large packages', () => {
  assert.deepEqual(packagesIn(loadedWith('dcf.js')), []);
});

for (const command of ['init', 'invoke', 'list', 'logs', 'rollback', 'traffic', 'alias', 'scale', 'delete', 'secret']) {
  test(`dcf ${command} loads none of the large packages before it runs`, () => {
    assert.deepEqual(packagesIn(loadedWith(fileOf(command))), []);
  });
}

test('the marks are found where the packages are', () => {
  assert.deepEqual(packagesIn(loadedWith(fileOf('deploy'))).sort(), ['yaml', 'zod']);
});

test('the clients that call the daemon bring gRPC, and neither the schema of manifests nor YAML', () => {
  const seen = new Map<string, string>();
  const waiting = [fileOf('list')];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    const before = seen.size;
    loadedWith(file, seen);
    if (seen.size === before) continue;
    for (const [, later] of [...seen.values()].join('\n').matchAll(/await import\("\.\/([\w-]+\.js)"\)/g)) waiting.push(String(later));
  }
  assert.deepEqual(packagesIn([...seen.values()].join('\n')), ['grpc-js']);
});

test('the command that is named is the only one that is loaded', () => {
  assert.deepEqual(commandsFor(['list', '--json']), ['list']);
  assert.deepEqual(commandsFor(['--url', 'list', 'describe', 'x']), ['describe']);
  assert.deepEqual(commandsFor(['--token', 't', '--url=u', 'invoke', 'list']), ['invoke']);
  assert.deepEqual(commandsFor(['--version']), []);
});

test('help, no command, and one that is not known have all of them', () => {
  for (const args of [[], ['--help'], ['lst'], ['constructor'], ['--url', 'list'], ['help', 'list'], ['--version', '--help']]) {
    assert.ok(commandsFor(args).length > 10, JSON.stringify(args));
  }
});
