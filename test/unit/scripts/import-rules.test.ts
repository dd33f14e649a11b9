import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { repositoryPath } from '../../../bench/harness/paths.js';

interface Rules {
  rooms: Readonly<Record<string, readonly string[]>>;
  vendors: Readonly<Record<string, readonly string[]>>;
}
type ImportProblems = (sources: ReadonlyMap<string, string>, rules: Rules) => string[];
const { importProblems }: { importProblems: ImportProblems } = await import(
  pathToFileURL(repositoryPath('scripts/imports/problems.mjs')).href
);

const rules: Rules = {
  rooms: {
    'src/core': [],
    'src/pool': ['src/core', 'src/registry/json.ts'],
    'src/registry': ['src/core'],
    'src/gateway': ['src/core', 'src/pool'],
    'src/gateway/http': ['src/core', 'src/gateway'],
    'src/gateway/grpc': ['src/core', 'src/gateway'],
    'src/daemon': ['src/core', 'src/gateway/**', 'src/registry'],
    'src/runtimes/python': ['src/runtimes/python/**'],
    'src/runtimes/python/own/wire': [],
    'src/runtimes/python/own/calls': ['src/runtimes/python/own/wire'],
  },
  vendors: { fastify: ['src/gateway/http/http.ts'], '@dcf/sdk': ['src'] },
};

function problemsOf(sources: Readonly<Record<string, string>>): string[] {
  return importProblems(new Map(Object.entries(sources)), rules);
}

test('imports that the rules allow give no line', () => {
  const problems = problemsOf({
    'src/core/errors.ts': `import { readFileSync } from 'node:fs';\nimport { DcfError } from '@dcf/sdk/errors';`,
    'src/pool/pool.ts': `import type { Failure } from '../core/errors.js';\nimport { json } from '../registry/json.js';`,
    'src/registry/json.ts': '',
    'src/gateway/http/http.ts': `import fastify from 'fastify';\nimport { invoke } from '../invoker.js';`,
    'src/gateway/invoker.ts': `import { pool } from '../pool/pool.js';`,
    'src/daemon/daemon.ts': `import { open } from '../gateway/http/http.js';\nimport { registry } from '../registry/json.js';`,
  });
  assert.deepEqual(problems, []);
});

test('a circle gives a line with its files as they import each other, be it of types, of what is passed on, or of imports that come late', () => {
  const problems = problemsOf({
    'src/core/a.ts': `import type { B } from './b.js';\nimport './d.js';`,
    'src/core/b.ts': `export { c } from './c.js';`,
    'src/core/c.ts': `export const late = () => import('./a.js');`,
    'src/core/d.ts': `import { a } from './a.js';`,
    'src/core/outside.ts': `import './a.js';`,
    'src/pool/self.ts': `let own: typeof import('./self.js');`,
  });
  assert.deepEqual(problems, [
    'these files import each other in a circle: src/core/a.ts, src/core/b.ts, src/core/c.ts',
    'these files import each other in a circle: src/core/a.ts, src/core/d.ts',
    'these files import each other in a circle: src/pool/self.ts',
  ]);
});

test('a forbidden direction gives a line with what is allowed', () => {
  const problems = problemsOf({
    'src/core/errors.ts': `import '../pool/pool.js';`,
    'src/pool/pool.ts': `import '../registry/registry.js';`,
    'src/registry/registry.ts': '',
  });
  assert.deepEqual(problems, [
    'src/core/errors.ts imports src/pool/pool.ts, but src/core may import only: nothing else',
    'src/pool/pool.ts imports src/registry/registry.ts, but src/pool may import only: src/core, src/registry/json.ts',
  ]);
});

test('an entry allows a room without the rooms inside it, unless it says so', () => {
  const problems = problemsOf({
    'src/daemon/daemon.ts': `import '../gateway/http/http.js';\nimport '../gateway/invoker.js';`,
    'src/gateway/grpc/server.ts': `import '../http/http.js';\nimport '../invoker.js';`,
    'src/gateway/invoker.ts': '',
    'src/gateway/http/http.ts': '',
  });
  assert.deepEqual(problems, [
    'src/gateway/grpc/server.ts imports src/gateway/http/http.ts, but src/gateway/grpc may import only: src/core, src/gateway',
  ]);
});

test("a vendor's library outside its door gives a line, as does one without a door", () => {
  const problems = problemsOf({
    'src/gateway/http/http-call.ts': `import type { FastifyInstance } from 'fastify';`,
    'src/core/errors.ts': `import { nothing } from '@other/library/part';`,
  });
  assert.deepEqual(problems, [
    'src/gateway/http/http-call.ts imports fastify, whose door is src/gateway/http/http.ts',
    'src/core/errors.ts imports @other/library, which has no door: name one in scripts/imports/rules.mjs',
  ]);
});

test('a folder without a room gives a line', () => {
  assert.deepEqual(problemsOf({ 'src/corecore/errors.ts': '' }), [
    'src/corecore/errors.ts is in no room: give its folder a line in scripts/imports/rules.mjs',
  ]);
});

test('Python: relative imports, those by name and those inside functions are held to the same rules', () => {
  const own = 'src/runtimes/python/own';
  const problems = problemsOf({
    'src/runtimes/python/main.py': 'import os\nfrom own.calls.base import Calls\nimport own as _',
    [`${own}/__init__.py`]: 'from .calls import base',
    [`${own}/wire/__init__.py`]: '',
    [`${own}/wire/frames.py`]: 'def late():\n    from ..calls.base import Calls\n    return Calls',
    [`${own}/wire/link.py`]: '"""Says: from ..calls import base, which is no import."""\nfrom struct import Struct',
    [`${own}/calls/__init__.py`]: '',
    [`${own}/calls/base.py`]: 'from ..wire import link as frames_of_calls, frames\nfrom .serial import (\n    Serial,\n)',
    [`${own}/calls/serial.py`]: 'from . import base as of_all',
  });
  assert.deepEqual(problems, [
    `these files import each other in a circle: ${own}/calls/base.py, ${own}/wire/frames.py`,
    `these files import each other in a circle: ${own}/calls/base.py, ${own}/calls/serial.py`,
    `${own}/wire/frames.py imports ${own}/calls/base.py, but ${own}/wire may import only: nothing else`,
  ]);
});

test('Python: an import of a file that is not there is told', () => {
  assert.throws(
    () => problemsOf({ 'src/runtimes/python/own/a.py': 'from .gone import x' }),
    /own\/a\.py imports x from \.gone, which is not there/,
  );
});
