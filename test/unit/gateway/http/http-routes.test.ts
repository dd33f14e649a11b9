import assert from 'node:assert/strict';
import test from 'node:test';
import { allMethods, allowedMethods, httpRoutes } from '../../../../src/gateway/http/http-routes.js';

test('which methods a path allows comes from the table of routes', () => {
  for (const [path, allowed] of [
    ['/functions', 'GET, HEAD'],
    ['/functions/digits', 'GET, HEAD, POST'],
    ['/functions/no name%21', 'GET, HEAD, POST'],
    ['/healthz', 'GET, HEAD'],
    ['/functions/a/b', undefined],
    ['/functions/', undefined],
    ['/healthz/more', undefined],
    ['/', undefined],
    ['*', undefined],
  ] as const) {
    assert.equal(allowedMethods(path), allowed, path);
  }
  assert.equal(allMethods, 'GET, HEAD, POST');
});

test('a probe of an orchestrator needs no token; all other views do', () => {
  const open = httpRoutes.filter((route) => route.kind === 'view' && route.access === 'everybody');
  assert.deepEqual(
    open.map(({ url }) => url),
    ['/healthz', '/readyz'],
  );
});

test('why a daemon is not ready is told only to whom it trusts', () => {
  const route = httpRoutes.find(({ url }) => url === '/readyz');
  assert.ok(route?.kind === 'view');
  const notReady = [{ name: 'digits', state: 'FAILED', reason: 'no such model' }];
  const options = {
    functions: { list: () => [] },
    describe: () => assert.fail('nobody asks for it'),
    readiness: () => ({ ready: false, draining: false, notReady }),
  };
  const request = { params: {}, query: {} };
  assert.deepEqual(route.view(options, { ...request, trusted: () => true }), {
    status: 503,
    body: { ready: false, draining: false, notReady },
  });
  assert.deepEqual(route.view(options, { ...request, trusted: () => false }), { status: 503, body: { ready: false, draining: false } });
});
