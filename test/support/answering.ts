/** Handlers, alike in both languages, that answer as the query's `do` (or over gRPC the metadata's) says. */
export const answeringNode = `
const rows = (texts) => new ReadableStream({ async start(to) { for (const text of texts) to.enqueue(text); to.close(); } });
const cases = {
  bytes: () => Buffer.from([0, 255]),
  text: () => 'grüß',
  json: () => ({ a: [1] }),
  null: () => null,
  number: () => 7,
  html: () => new Response('<p>', { headers: { 'content-type': 'text/html' } }),
  created: () => new Response(Buffer.from('made'), { status: 201, headers: { location: '/a', 'x-own': 'gr\\u00fc\\u00df' } }),
  cookies: () => { const headers = new Headers(); headers.append('set-cookie', 'a=1'); headers.append('set-cookie', 'b=2; Path=/'); return new Response('x', { headers }); },
  none: () => new Response(null, { status: 204 }),
  empty: () => new Response(),
  unchanged: () => new Response(null, { status: 304, headers: { etag: '"1"' } }),
  hop: () => new Response('hop', { headers: { connection: 'close', 'content-length': '99', 'transfer-encoding': 'gzip', 'keep-alive': 'timeout=1', 'dcf-not-started': '1', 'dcf-request-id': 'mine' } }),
  missing: () => new Response('no such cat', { status: 404, headers: { 'content-type': 'text/plain' } }),
  busy: () => new Response('later', { status: 503, headers: { 'retry-after': '7' } }),
  broken: () => new Response('', { status: 500 }),
  redirect: () => Response.redirect('https://example.org/', 302),
  jsonResponse: () => Response.json({ b: 2 }),
  rows: () => new Response(rows(['one,', 'two']), { headers: { 'content-type': 'text/csv' } }),
  accepted: () => new Response(rows(['one,', 'two']), { status: 202, headers: { 'content-type': 'text/csv' } }),
  chunks: function* () { yield 'one,'; yield 'two'; },
  noChunks: function* () {},
  late: async function* () { throw new Error('before the first'); },
  large: () => new Response(Buffer.alloc(3 << 20, 7)),
};
export class Handler {
  call(request) {
    const what = request.query.get('do') ?? request.metadata.do;
    if (what === 'request') return { query: [...request.query], type: request.contentType ?? null, text: request.text() };
    return cases[what]();
  }
}
`;

export const answeringPython = `
from dcf_worker import Response

def rows():
    yield "one,"
    yield "two"

def late():
    raise ValueError("before the first")
    yield ""

CASES = {
    "bytes": lambda: bytes([0, 255]),
    "text": lambda: "grüß",
    "json": lambda: {"a": [1]},
    "number": lambda: 7,
    "html": lambda: Response("<p>", content_type="text/html"),
    "created": lambda: Response(b"made", 201, {"Location": "/a", "X-Own": "gr\\u00fc\\u00df"}),
    "cookies": lambda: Response("x", headers=[("set-cookie", "a=1"), ("Set-Cookie", "b=2; Path=/")], content_type="text/plain;charset=UTF-8"),
    "none": lambda: Response(None, 204),
    "empty": lambda: Response(),
    "unchanged": lambda: Response(status=304, headers={"etag": '"1"'}),
    "hop": lambda: Response("hop", headers={"connection": "close", "content-length": 99, "transfer-encoding": "gzip", "keep-alive": "timeout=1",
        "dcf-not-started": "1", "dcf-request-id": "mine"}),
    "missing": lambda: Response("no such cat", 404, content_type="text/plain"),
    "busy": lambda: Response("later", 503, {"retry-after": "7"}),
    "broken": lambda: Response("", 500),
    "redirect": lambda: Response("", 302, {"location": "https://example.org/"}),
    "jsonResponse": lambda: Response({"b": 2}),
    "rows": lambda: Response(rows(), content_type="text/csv"),
    "accepted": lambda: Response(rows(), 202, content_type="text/csv"),
    "chunks": rows,
    "noChunks": lambda: iter(()),
    "late": late,
    "large": lambda: Response(bytes([7]) * (3 << 20)),
    "badName": lambda: Response("x", headers={"a b": "1"}),
    "badValue": lambda: Response("x", headers={"a": "1\\r\\nset-cookie: b=2"}),
    "badStatus": lambda: Response("x", 99),
    "badBody": lambda: Response("x", 204),
    "manyHeaders": lambda: Response("x", headers={"a": "1" * 20000}),
}

class Handler:
    def __call__(self, req):
        what = req.query.get("do") or req.metadata.get("do")
        if what == "request":
            return {"query": [[name, value] for name, values in req.query_all.items() for value in values], "type": req.content_type, "text": req.text()}
        return CASES[what]()
`;
