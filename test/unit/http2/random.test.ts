import test from 'node:test';
import { checkConnections } from '../../support/http2/random-connections.js';

// npm run soak runs many more.
test('ten thousand random connections: nothing is thrown, told too late, kept, or sent that RFC 9113 does not allow', () =>
  checkConnections(10_000));
