import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../support/programs.js';
import { runPython, withoutPython } from '../../support/python.js';

const path = [join(root, 'src/runtimes/python')];

/** What looks like the classes of libraries which need not be there: the runtime goes by what a value can do. */
const prelude = `
import array, collections, dataclasses, datetime, decimal, enum, io, json, mmap, pathlib, sys, tempfile, types, uuid
from dcf_worker.errors import DcfError
from dcf_worker.replies.body import reply_bytes

class Array:
    def __init__(self, value): self.value = value
    def tolist(self): return self.value
class OnlyArray:
    def __init__(self, value): self.value = value
    def __array__(self): return Array(self.value)
class Times:
    dtype = types.SimpleNamespace(kind="M")
    def astype(self, dtype): return Array([datetime.datetime(2024, 1, 2)] if dtype == "datetime64[us]" else None)
class Sparse:
    def tolist(self): raise RuntimeError("it is sparse")
class ModelV2:
    def model_dump(self, mode): return {"mode": mode, "when": "2024-01-02"}
class ModelV1:
    __fields__ = {"when": None}
    def dict(self): return {"when": datetime.date(2024, 1, 2)}
class Frame:
    iloc = columns = None
    def to_dict(self, orient): return [{"orient": orient, "x": 1.5}]
class Series:
    def to_list(self): return [1, 2]
class NotATime(datetime.datetime):
    def __ne__(self, other): return True
class Image:
    def save(self, file, format): pass
Image.__module__ = "PIL.Image"
class Color(enum.Enum):
    RED = "red"
    RAW = b"raw"
    DEEP = Array([1])
class Word(str, enum.Enum):
    YES = "yes"
@dataclasses.dataclass
class Point:
    x: int
    y: object = None
    z: dataclasses.InitVar = 1
class Attributes:
    __attrs_attrs__ = (types.SimpleNamespace(name="a"),)
    a = 1
class Struct:
    __struct_fields__ = ("a",)
    a = 2
Pair = collections.namedtuple("Pair", "a b")
def at(file, place):
    file.seek(*place)
    return file
def written(text):
    file = tempfile.TemporaryFile("w+b" if isinstance(text, bytes) else "w+")
    file.write(text)
    return file
circle = {}
circle["a"] = [circle]
deep = []
for _ in range(100_000): deep = [deep]

def answer(source):
    try:
        found = reply_bytes(eval(source))
        # The head of a frame says its length.
        assert len(found) == len(bytes(found)), source
        return bytes(found).decode("latin-1")
    except DcfError as error:
        return [error.code, error.message]
print(json.dumps([answer(source) for source in json.loads(sys.argv[1])]))
`;

async function answersTo(sources: readonly string[]): Promise<unknown[]> {
  const answers = await runPython(prelude, { path, args: [JSON.stringify(sources)] });
  assert.ok(Array.isArray(answers));
  return answers;
}

const skip = withoutPython('json');

test('values that JSON does not know are written in their plain form', { skip }, async () => {
  const table = [
    ['{"scores": Array([0.5, Array(1)])}', '{"scores":[0.5,1]}'],
    ['Array([[1, 2], [3, 4]])', '[[1,2],[3,4]]'],
    ['Array(7)', '7'],
    ['[OnlyArray([1])]', '[[1]]'],
    ['[Times()]', '[["2024-01-02T00:00:00"]]'],
    ['array.array("d", [1.5])', '[1.5]'],
    ['ModelV2()', '{"mode":"json","when":"2024-01-02"}'],
    ['[ModelV1()]', '[{"when":"2024-01-02"}]'],
    ['Frame()', '[{"orient":"records","x":1.5}]'],
    ['{"s": Series()}', '{"s":[1,2]}'],
    ['Point(1, Point(2))', '{"x":1,"y":{"x":2,"y":null}}'],
    ['[Attributes(), Struct()]', '[{"a":1},{"a":2}]'],
    ['Pair(1, 2)', '[1,2]'],
    ['[datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)]', '["2024-01-02T03:04:05+00:00"]'],
    ['[datetime.date(2024, 1, 2), datetime.time(3, 4)]', '["2024-01-02","03:04:00"]'],
    ['{"path": pathlib.Path("/a/b")}', '{"path":"/a/b"}'],
    ['[Color.RED, Word.YES, Color.DEEP]', '["red","yes",[1]]'],
    ['[decimal.Decimal("1.10")]', '["1.10"]'],
    ['[uuid.UUID(int=5)]', '["00000000-0000-0000-0000-000000000005"]'],
    ['[{3, 1, 2}, frozenset("ba")]', '[[1,2,3],["a","b"]]'],
    ['{1, "a"}', /^\[(1,"a"|"a",1)\]$/],
    ['[range(3), collections.deque([1]), {"b": 1, "a": 2}.keys(), {"b": 1}.values()]', '[[0,1,2],[1],["b","a"],[1]]'],
    ['[types.MappingProxyType({"a": Array(1)}), collections.UserDict(b=2)]', '[{"a":1},{"b":2}]'],
    ['[collections.UserString("text")]', '["text"]'],
    [
      '{Color.RED: 1, Array(2): 2, uuid.UUID(int=0): 3, datetime.date(2024, 1, 2): 4, 5: Array(6), None: 7}',
      '{"red":1,"2":2,"00000000-0000-0000-0000-000000000000":3,"2024-01-02":4,"5":6,"null":7}',
    ],
    ['2 ** 70', '1180591620717411303424'],
    // A whole reply whose plain form is text or bytes is just that.
    ['Color.RED', 'red'],
    ['Word.YES', 'yes'],
    ['Color.RAW', 'raw'],
    ['uuid.UUID(int=5)', '00000000-0000-0000-0000-000000000005'],
    ['datetime.date(2024, 1, 2)', '2024-01-02'],
  ] as const;
  const answers = await answersTo(table.map(([source]) => source));
  table.forEach(([source, expected], index) => {
    const answer = answers[index];
    if (typeof expected === 'string') assert.equal(answer, expected, source);
    else assert.match(String(answer), expected, source);
  });
});

test('what has no plain form is INTERNAL, which says where it is, what it is and what to do', { skip }, async () => {
  const table: [source: string, ...said: string[]][] = [
    ['{"scores": [1, 2, 3, float("nan")]}', 'reply["scores"][3] is NaN', 'JSON has no such number: write None'],
    ['{"scores": Array([1.0, float("-inf")])}', 'reply["scores"][1] is -Infinity'],
    ['float("inf")', 'reply is Infinity'],
    ['{float("nan"): 1}', 'a key of reply is NaN'],
    ['[decimal.Decimal("NaN")]', 'reply[0] is NaN'],
    ['[NotATime(2024, 1, 2)]', 'reply[0] is NotATime, which is not a time'],
    ['{"image": b"x"}', 'reply["image"] is of type bytes', 'base64.b64encode(value).decode()'],
    ['[memoryview(b"x")]', 'reply[0] is of type memoryview', 'base64'],
    ['[[Sparse()]]', 'reply[0][0] is of type __main__.Sparse', 'RuntimeError: it is sparse'],
    ['{(1, 2): 3}', 'reply has a key of type tuple, (1, 2)', 'a list of pairs'],
    ['{"a": {b"k": 1}}', `reply["a"] has a key, b'k', that is of type bytes`],
    ['{Array(1): 1, "1": 2}', 'reply has several keys that become "1" in JSON'],
    ['circle', 'reply["a"][0] contains itself'],
    ['deep', 'reply is nested too deeply'],
    ['{"x" * 100: object()}', `reply["${'x'.repeat(39)}…] is of type object`, 'vars(value)'],
    ['[(n for n in range(3))]', 'reply[0] is of type generator', 'make a list of it'],
    ['[map(str, [])]', 'reply[0] is of type map', 'make a list of it'],
    ['ValueError("no weights")', 'reply is of type ValueError', 'raise it', 'no weights'],
    ['[len]', 'reply[0] is of type builtin_function_or_method', 'call it'],
    ['Point', 'reply is of type type', 'call it'],
    ['[1 + 2j]', 'reply[0] is of type complex', '[value.real, value.imag]'],
    ['[datetime.timedelta(1)]', 'reply[0] is of type datetime.timedelta', 'total_seconds()'],
    ['Image()', 'reply is of type PIL.Image.Image', 'image.save(buffer, "PNG"); return buffer.getvalue()'],
    ['{"file": io.BytesIO(b"x")}', 'reply["file"] is of type _io.BytesIO', 'value.read()'],
    ['10 ** 5000', 'reply is an integer that is too long'],
  ];
  const answers = await answersTo(table.map(([source]) => source));
  for (const [index, [source, ...said]] of table.entries()) {
    // Python before 3.10.7 writes integers of any length.
    if (answers[index] === `1${'0'.repeat(5000)}`) continue;
    const [code, message] = [answers[index]].flat();
    assert.equal(code, 'INTERNAL', source);
    assert.match(String(message), /^the Handler's reply cannot be written as JSON: /);
    for (const part of said) assert.ok(String(message).includes(part), `${source}: ${message}`);
  }
});

test('bytes of every kind, and files from where they stand', { skip }, async () => {
  const table: [source: string, expected: string][] = [
    ['memoryview(b"")', ''],
    ['memoryview(array.array("d", []))', ''],
    ['memoryview(b"abcdef")[::2]', 'ace'],
    ['memoryview(b"abcdef").cast("B", [2, 3])', 'abcdef'],
    ['memoryview(array.array("H", [0x4142]))', 'BA'],
    ['memoryview(b"abcd").cast("H")[::-1]', 'cdab'],
    ['mmap.mmap(-1, 3)', '\0\0\0'],
    ['io.BytesIO(b"abc")', 'abc'],
    ['at(io.BytesIO(b"abc"), (0, 2))', 'abc'],
    ['at(io.BytesIO(b"abc"), (1,))', 'bc'],
    ['io.BytesIO()', ''],
    ['at(io.StringIO("abc"), (0, 2))', 'abc'],
    ['at(written(b"abc"), (1,))', 'bc'],
    ['at(written("abc"), (0,))', 'abc'],
    ['at(written(b"x" * 200_000), (0,))', 'x'.repeat(200_000)],
    ['written(b"")', ''],
    ['at(tempfile.SpooledTemporaryFile(), (0,))', ''],
  ];
  const unreadable: [source: string, message: RegExp][] = [
    ['written(b"abc")', /a file \(BufferedRandom\) that cannot be read: its position is at its end: call seek\(0\)/],
    ['written("abc")', /a file \(TextIOWrapper\) .* is at its end/],
    ['open("/dev/null", "wb")', /a file \(BufferedWriter\) that cannot be read: it was opened for writing only/],
    ['(lambda file: (file.close(), file)[1])(io.BytesIO(b"x"))', /a file \(BytesIO\) that cannot be read: I\/O operation on closed file/],
  ];
  const answers = await answersTo([...table, ...unreadable].map(([source]) => source));
  for (const [index, [source, expected]] of table.entries()) assert.equal(answers[index], expected, source);
  for (const [index, [source, message]] of unreadable.entries()) {
    const [code, text] = [answers[table.length + index]].flat();
    assert.equal(code, 'INTERNAL', source);
    assert.match(String(text), message);
  }
});

test('NumPy itself: scalars, arrays, times, keys', { skip: withoutPython('numpy') }, async () => {
  const table: [source: string, expected: string][] = [
    ['{"a": np.float32(0.5), "b": np.int64(3), "c": np.bool_(True), "d": np.str_("s")}', '{"a":0.5,"b":3,"c":true,"d":"s"}'],
    ['np.arange(6, dtype=np.uint8).reshape(2, 3)', '[[0,1,2],[3,4,5]]'],
    ['{np.int64(1): [np.zeros(0)]}', '{"1":[[]]}'],
    ['np.float64(1.5)', '1.5'],
    ['[np.array(["2024-01-02"], "datetime64[ns]"), np.datetime64("2024-01-02", "ns")]', '[["2024-01-02T00:00:00"],"2024-01-02T00:00:00"]'],
    ['np.array([1], np.float64).data', '\0\0\0\0\0\0ð?'],
    ['np.asfortranarray([[1, 2], [3, 4]], np.uint8).data', '\u0001\u0002\u0003\u0004'],
    ['np.zeros((2, 0)).data', ''],
  ];
  const refused = ['np.array([0.5, np.nan])', 'reply[1] is NaN'] as const;
  const sources = [...table.map(([source]) => source), refused[0]].map((source) => source.replaceAll('np.', '__import__("numpy").'));
  const answers = await answersTo(sources);
  for (const [index, [source, expected]] of table.entries()) assert.equal(answers[index], expected, source);
  assert.match(String(answers.at(-1)), /reply\[1\] is NaN/);
});

test('pydantic itself', { skip: withoutPython('pydantic') }, async () => {
  const model = `__import__("pydantic").create_model("Model", when=(datetime.date, ...), at=(pathlib.Path, ...))`;
  const [answer] = await answersTo([`{"model": ${model}(when="2024-01-02", at="/a")}`]);
  assert.equal(answer, '{"model":{"when":"2024-01-02","at":"/a"}}');
});
