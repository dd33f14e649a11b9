import { Client, type InvokeOptions } from './client.js';
import { parseAddress } from './transport/address.js';

const clients = new Map<string, Client>();

/**
 * Calls a function and resolves with its output. One connection per daemon is kept for all calls; it does not keep the process alive. For a
 * token, TLS certificates or a report of the call, use a {@link Client}.
 *
 * @param url - the daemon: `localhost:32222`, `dcf://…`, `http://…`, with TLS `https://…`, or a Unix socket, `unix:/run/dcf/dcf.sock`; the
 * default port is 32222
 * @param service - the function's name
 * @param bytes - the input; a string is sent as UTF-8
 * @param options - by default the call may take 60 s (`timeout`), and the active revision answers it (`alias`)
 * @returns the output. It is a view into the message that was received: its `buffer` holds more bytes
 * @throws DcfError as {@link Client.invoke} does
 *
 * @example
 * const output = await dcf('localhost:32222', 'digits', bytes);
 */
export async function dcf(url: string, service: string, bytes: Uint8Array | string, options: InvokeOptions = {}): Promise<Uint8Array> {
  const { output } = await clientFor(url).invoke(service, bytes, { report: false, ...options });
  return output;
}

function clientFor(url: string): Client {
  const address = parseAddress(url);
  const key = address.kind === 'unix' ? address.shown : `${address.tls === true ? 'https' : 'http'}://${address.shown}`;
  let client = clients.get(key);
  if (client === undefined) {
    client = new Client(key);
    clients.set(key, client);
  }
  return client;
}
