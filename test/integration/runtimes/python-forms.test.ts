import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from '../../support/cleanup.js';
import { root } from '../../support/programs.js';
import { runPython, withoutPython } from '../../support/python.js';

const path = [join(root, 'src/runtimes/python')];
const skip = withoutPython('json');

/** Builds each Handler as a worker does, without one, and calls it. */
const building = `
import functools, json, sys
from dcf_worker.context import Context
from dcf_worker.errors import DcfError
from dcf_worker.loading.target import target_of

class Request:
    input = b"in"
    id = "call-1"
    incoming = None
init = {"function": "tested", "revision": "r1", "parameters": {"a": 1}, "resources": {}, "providers": [], "devices": [], "worker": 0}
context = Context(init, None, lambda: None)

def said(value):
    if isinstance(value, Request): return "req"
    if isinstance(value, bytes): return value.decode()
    return f"context {getattr(value, 'request_id', 'of all')}" if hasattr(value, "function") else value

def answer(source):
    names = {"said": said, "functools": functools}
    exec(source, names)
    try:
        target = target_of(names["Handler"], {"name": "Handler", "path": "handler.py"}, context, 1000)
    except DcfError as error:
        return [error.code, error.message]
    reply = target.handle(Request())
    return json.dumps([target.is_async] + [said(each) for each in (reply if isinstance(reply, tuple) else (reply,))])
print(json.dumps([answer(source) for source in json.loads(sys.argv[1])]))
`;

async function answersTo(sources: readonly string[]): Promise<unknown[]> {
  const answers = await runPython(building, { path, args: [JSON.stringify(sources)] });
  assert.ok(Array.isArray(answers));
  return answers;
}

const method = (head: string, decorator = '') => `class Handler:\n  ${decorator}\n  def ${head}: return tuple(given(locals()))`;
const given = 'given = lambda names: [names[name] for name in names if name not in ("self", "cls", "named")]\n';

test('a Handler is called with what it asks for', { skip }, async () => {
  const table: [source: string, ...answer: unknown[]][] = [
    [method('__call__(self, req)'), false, 'req'],
    [method('call(self, req)'), false, 'req'],
    [method('__call__(self, req, context)'), false, 'req', 'context call-1'],
    [method('__call__(self, req, ctx=None)'), false, 'req', 'context call-1'],
    [method('call(self, event, lambda_context)'), false, 'req', 'context call-1'],
    [method('__call__(self, req, _)'), false, 'req', 'context call-1'],
    [method('__call__(self, req, *, context)'), false, 'req', 'context call-1'],
    [method('__call__(self, req, *, context=None, other=5)'), false, 'req', 'context call-1', 5],
    [method('__call__(self, req, other=5)'), false, 'req', 5],
    [method('__call__(self, req, other=5, *, context)'), false, 'req', 5, 'context call-1'],
    [method('__call__(self, req, **named)'), false, 'req'],
    [method('__call__(req)', '@staticmethod'), false, 'req'],
    [method('__call__(req, context)', '@staticmethod'), false, 'req', 'context call-1'],
    [method('call(cls, req, context)', '@classmethod'), false, 'req', 'context call-1'],
    ['class Handler:\n  def __call__(self, *args): return args', false, 'req'],
    ['class Handler:\n  def __call__(self, req, /, *args): return (req, *args)', false, 'req'],
    ['def Handler(req): return req', false, 'req'],
    ['def Handler(req, context): return req, context', false, 'req', 'context call-1'],
    ['def Handler(request, *, ctx): return request, ctx', false, 'req', 'context call-1'],
    ['def Handler(event, context): return event, context', false, 'in', 'context call-1'],
    ['def Handler(data, context=None): return data, context', false, 'in', 'context call-1'],
    ['def Handler(event): return event', false, 'req'],
    ['Handler = lambda *args: args', false, 'req'],
    ['Handler = functools.partial(lambda a, req, context: (a, req, context), 7)', false, 7, 'req', 'context call-1'],
    ['Handler = functools.partial(lambda req, context, top: (req, context, top), top=3)', false, 'req', 'context call-1', 3],
    ['class Made:\n  def __call__(self, req, context): return req, context\nHandler = Made()', false, 'req', 'context call-1'],
    ['class Made:\n  def work(self, req): return req\nHandler = Made().work', false, 'req'],
    // A wrapper is called as what it wraps, and one that says nothing of that with the request alone.
    [
      'def d(f):\n  @functools.wraps(f)\n  def g(*a, **k): return f(*a, **k)\n  return g\nclass Handler:\n  @d\n  def __call__(self, req, context): return req, context',
      false,
      'req',
      'context call-1',
    ],
    ['def d(f): return lambda *a: f(*a)\nclass Handler:\n  @d\n  def __call__(self, req): return req', false, 'req'],
    // What it is built with.
    [
      'class Handler:\n  def __init__(self, *, context): self.x = context\n  def __call__(self, req): return self.x',
      false,
      'context of all',
    ],
    [
      'class Handler:\n  def __init__(self, *, parameters, size=3): self.x = parameters["a"]\n  def __call__(self, req): return self.x',
      false,
      1,
    ],
    [
      'class Handler:\n  def __init__(self, size=3, context=None): self.x = (size, context)\n  def __call__(self, req): return self.x',
      false,
      3,
      'context of all',
    ],
    [
      'class Handler:\n  def __new__(cls, context):\n    self = object.__new__(cls)\n    self.x = context\n    return self\n  def __call__(self, req): return self.x',
      false,
      'context of all',
    ],
    [
      'import dataclasses\n@dataclasses.dataclass\nclass Handler:\n  parameters: dict\n  def __call__(self, req): return self.parameters["a"]',
      false,
      1,
    ],
  ];
  const answers = await answersTo(table.map(([source]) => given + source));
  for (const [index, [source, ...answer]] of table.entries())
    assert.equal(answers[index], JSON.stringify(answer).replaceAll(',', ', '), source);
});

test('what is async is found behind wrappers, partial functions and objects', { skip }, async () => {
  const wrapped = 'def d(f):\n  @functools.wraps(f)\n  def g(*a): return f(*a)\n  return g\n';
  const sources = [
    'class Handler:\n  async def __call__(self, req): pass',
    'class Handler:\n  async def call(self, req, context): yield 1',
    `${wrapped}class Handler:\n  @d\n  async def __call__(self, req): pass`,
    'async def work(a, req): pass\nHandler = functools.partial(work, 1)',
    'class Made:\n  async def __call__(self, req): pass\nHandler = Made()',
    'async def Handler(event, context): pass',
    'class Handler:\n  async def call_batch(self, reqs): pass',
  ];
  const program = `${building.replace('reply = target.handle(Request())', 'reply = ()')}`;
  assert.deepEqual(
    await runPython(program, { path, args: [JSON.stringify(sources)] }),
    sources.map(() => '[true]'),
  );
});

test('what cannot be called is found out before the first call', { skip }, async () => {
  const table: [source: string, message: RegExp][] = [
    [
      method('__call__(self)'),
      /^Handler\.__call__ in handler\.py is declared as __call__\(\), which cannot be called: declare it as __call__\(self, req\) or __call__\(self, req, context\)$/,
    ],
    [method('call(self, a, b)'), /is declared as call\(a, b\), which cannot be called: declare it as call\(self, req\) or/],
    [method('__call__(self, req, context, more)'), /is declared as __call__\(req, context, more\)/],
    [method('__call__(self, req, *, top_k)'), /is declared as __call__\(req, \*, top_k\)/],
    [method('__call__()'), /cannot be called/],
    [
      `${method('__call__(self, req)')}\n  def call_batch(self): pass`,
      /Handler\.call_batch in handler\.py is declared as call_batch\(\), .* declare it as call_batch\(self, reqs\) or/,
    ],
    [
      `${method('__call__(self, req)')}\n  def close(self, how): pass`,
      /Handler\.close in handler\.py requires how, but it is called without arguments/,
    ],
    [
      'def Handler(): pass',
      /^Handler in handler\.py is declared as Handler\(\), which cannot be called: declare it as Handler\(req\) or Handler\(req, context\)$/,
    ],
    ['def Handler(image, threshold): pass', /is declared as Handler\(image, threshold\)/],
    ['Handler = functools.partial(lambda req: 1, 2)', /is declared as Handler\(\), which cannot/],
    ['class Handler: pass', /needs a method __call__\(self, req\) or call\(self, req\)/],
    [
      'class Handler:\n  def __init__(self, parameters, other): pass',
      /is declared as __init__\(self, parameters, other\), and there is no value for other: it may have parameters and context/,
    ],
    ['class Handler:\n  def __init__(self, *, weights): pass', /there is no value for weights/],
  ];
  const answers = await answersTo(table.map(([source]) => given + source));
  for (const [index, [source, message]] of table.entries()) {
    const [code, said] = [answers[index]].flat();
    assert.equal(code, 'FAILED_PRECONDITION', source);
    assert.match(String(said), message);
  }
});

/** Loads the handler in a folder of these files, in a process of its own, and tells what it answers. */
async function loaded(folder: string, handler: string): Promise<unknown> {
  const program = `
import dcf_worker, json, sys
from dcf_worker.errors import DcfError
from dcf_worker.loading.target import load_target
from dcf_worker.context import Context
path, name = sys.argv[2].split("#")
init = {"function": "tested", "revision": "r1", "parameters": {}, "resources": {}, "providers": [], "devices": [], "worker": 0, "maxPayload": 1}
init.update(directory=sys.argv[1], handler={"path": path, "name": name})
try:
    answer = load_target(init, Context(init, None, lambda: None), lambda run: run()).handle(None)
except DcfError as error:
    answer = [error.code, error.message]
print(json.dumps(answer))`;
  return await runPython(program, { path, args: [folder, handler] });
}

const layouts: [what: string, files: Record<string, string>, handler: string, answer: unknown][] = [
  [
    'a package: relative imports, and those from the function’s folder',
    {
      'app/__init__.py': 'name = "app"',
      'app/utils.py': 'from . import name\nword = name + " utils"',
      'app/handler.py':
        'from .utils import word\nfrom shared import more\nimport pickle, sys\nclass Handler:\n  def __call__(self, req):\n    back = pickle.loads(pickle.dumps(Handler))\n    return [word, more, __name__, back is Handler, __name__ != "__main__"]',
      'shared.py': 'more = "shared"',
    },
    'app/handler.py#Handler',
    ['app utils', 'shared', 'app.handler', true, true],
  ],
  [
    'packages in packages',
    {
      'a/__init__.py': '',
      'a/x.py': 'x = 1',
      'a/b/__init__.py': '',
      'a/b/h.py': 'from ..x import x\ndef Handler(req): return [x, __name__]',
    },
    'a/b/h.py#Handler',
    [1, 'a.b.h'],
  ],
  [
    'a package in a folder that is none',
    { 'src/app/__init__.py': '', 'src/app/x.py': 'x = 1', 'src/app/h.py': 'from app.x import x\ndef Handler(req): return [x, __name__]' },
    'src/app/h.py#Handler',
    [1, 'app.h'],
  ],
  [
    'a package that imports its handler, which is loaded once',
    {
      'app/__init__.py': '',
      'app/loads.py': 'count = 0',
      'app/handler.py':
        'from . import loads\nloads.count += 1\nfrom .utils import word\ndef Handler(req):\n  import handler\n  return [word(), loads.count]',
      'app/utils.py': 'from . import handler\ndef word(): return handler.Handler.__name__',
    },
    'app/handler.py#Handler',
    ['Handler', 1],
  ],
  [
    'a module beside a handler in a package, by its bare name',
    {
      'app/__init__.py': '',
      'app/beside.py': 'x = 1',
      'app/json.py': 'raise Exception',
      'app/handler.py': 'import json, beside\ndef Handler(req): return json.dumps(beside.x)',
    },
    'app/handler.py#Handler',
    '1',
  ],
  [
    'a folder that is no package, without relative imports',
    { 'app/utils.py': 'x = 1', 'app/handler.py': 'from utils import x\ndef Handler(req): return [x, __name__]' },
    'app/handler.py#Handler',
    [1, 'handler'],
  ],
  [
    'a folder that is no package, with relative imports',
    { 'app/utils.py': 'x = 1', 'app/handler.py': '\nfrom .utils import x' },
    'app/handler.py#Handler',
    [
      'FAILED_PRECONDITION',
      'app/handler.py, line 2: a relative import needs a package: add an empty app/__init__.py, or import the module by its bare name (attempted relative import with no known parent package)',
    ],
  ],
  [
    'relative imports in a module of the function’s own folder',
    { 'handler.py': 'import utils', 'utils.py': 'from .other import x' },
    'handler.py#Handler',
    [
      'FAILED_PRECONDITION',
      'utils.py, line 1: a relative import needs a package: add an empty __init__.py, or import the module by its bare name (attempted relative import with no known parent package)',
    ],
  ],
  [
    'the function’s own folder as a package',
    {
      '__init__.py': '',
      'utils.py': 'x = 1',
      'handler.py':
        'from .utils import x\nimport pickle\nclass Handler:\n  def __call__(self, req): return [x, pickle.loads(pickle.dumps(Handler)) is Handler]',
    },
    'handler.py#Handler',
    [1, true],
  ],
  [
    'a module with a name that the standard library has, too',
    { 'json.py': 'own = 1', 'token.py': 'own = 2', 'handler.py': 'import json, token\ndef Handler(req): return [json.own, token.own]' },
    'handler.py#Handler',
    [1, 2],
  ],
  [
    'an error of a function that hides a part of the standard library',
    { 'token.py': 'own = 2', 'handler.py': 'import traceback\ndef Handler(req): return len(traceback.format_stack()) > 0' },
    'handler.py#Handler',
    true,
  ],
  ...['json.py', 'queue.py', 'types.py', 'test.py', 'my-handler.py', 'class.py'].map(
    (file): [string, Record<string, string>, string, unknown] => [
      `a handler in ${file}, which other modules do not take for their own`,
      {
        [file]:
          'import asyncio, json, pickle\nclass Handler:\n  def __call__(self, req): return json.dumps(pickle.loads(pickle.dumps(Handler)) is Handler)',
      },
      `${file}#Handler`,
      'true',
    ],
  ),
  [
    'modules that import each other',
    { 'handler.py': 'import a\nx = 1\ndef Handler(req): return a.value()', 'a.py': 'import handler\ndef value(): return handler.x' },
    'handler.py#Handler',
    1,
  ],
];

for (const [what, files, handler, answer] of layouts) {
  test(`imports: ${what}`, { skip }, async (t) => {
    const folder = await temporaryDirectory(t);
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    assert.deepEqual(await loaded(folder, handler), answer);
  });
}
