import { once } from 'node:events';
import { connect } from 'node:http2';
import type { Scope } from './scope.js';
import type { Server } from './servers.js';

/** Opens HTTP/2 connections that call nothing, and resolves when the server has greeted on each. They go with the scope. */
export async function openIdleConnections(scope: Scope, { url }: Server, count: number): Promise<void> {
  for (let opened = 0; opened < count; opened++) {
    const session = connect(`http://${url}`);
    scope.defer(async () => session.destroy());
    await once(session, 'remoteSettings', { signal: scope.signal });
    // A connection that the server ends later is no reason to stop.
    session.on('error', () => undefined);
  }
}
