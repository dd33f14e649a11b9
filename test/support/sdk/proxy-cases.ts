/** What of the environment leads to a proxy, for the clients of every language. */
export interface ProxyCase {
  host: string;
  port: number;
  environment: Readonly<Record<string, string>>;
  /** The proxy's `host:port` and the variable that names it; `undefined` to go without. */
  proxy?: { shown: string; variable: string };
}

const url = 'http://proxy:3128';
const proxied = (variable = 'http_proxy', shown = 'proxy:3128'): ProxyCase['proxy'] & object => ({ shown, variable });
const gpu = { host: 'gpu.example.com', port: 32222 };

function excepted(host: string, list: string, isExcepted: boolean, variable = 'no_proxy'): ProxyCase {
  const environment = { http_proxy: url, [variable]: list };
  return { host, port: 32222, environment, ...(isExcepted ? {} : { proxy: proxied() }) };
}

export const proxyCases: readonly ProxyCase[] = [
  { ...gpu, environment: {} },
  { ...gpu, environment: { http_proxy: url }, proxy: proxied() },
  { ...gpu, environment: { http_proxy: '' } },
  { ...gpu, environment: { http_proxy: ' proxy:3128 ' }, proxy: proxied() },
  { ...gpu, environment: { http_proxy: 'http://user:p%40ss@proxy' }, proxy: proxied('http_proxy', 'proxy:80') },
  { ...gpu, environment: { http_proxy: 'http://[fd00::1]:8080/' }, proxy: proxied('http_proxy', '[fd00::1]:8080') },
  { ...gpu, environment: { http_proxy: 'socks5://proxy:1080' } },
  { ...gpu, environment: { HTTP_PROXY: url, ALL_PROXY: url, all_proxy: url } },
  { ...gpu, environment: { HTTPS_PROXY: url }, proxy: proxied('HTTPS_PROXY') },
  { ...gpu, environment: { http_proxy: 'http://other', https_proxy: url }, proxy: proxied('https_proxy') },
  { ...gpu, environment: { https_proxy: 'http://other', grpc_proxy: url }, proxy: proxied('grpc_proxy') },
  { ...gpu, environment: { http_proxy: url, no_grpc_proxy: 'x.com', no_proxy: 'gpu.example.com' }, proxy: proxied() },
  ...['localhost', 'LOCALHOST', 'db.localhost', '127.0.0.1', '127.1.2.3', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '0.0.0.0'].map(
    (host) => ({ host, port: 32222, environment: { http_proxy: url, grpc_proxy: url } }),
  ),
  excepted('gpu.example.com', '*', true),
  excepted('gpu.example.com', ' a.com , * ', true),
  excepted('gpu.example.com', 'gpu.example.com', true),
  excepted('gpu.example.com', 'GPU.Example.com', true, 'NO_PROXY'),
  excepted('GPU.example.com', 'gpu.example.com', true),
  excepted('gpu.example.com', 'a.com, gpu.example.com ,b.com', true),
  excepted('gpu.example.com', 'a.com gpu.example.com', true),
  excepted('gpu.example.com', 'gpu.example.com:32222', true),
  excepted('gpu.example.com', 'gpu.example.com:443', false),
  excepted('gpu.example.com', 'example.com', true),
  excepted('gpu.example.com', '.example.com', true),
  excepted('gpu.example.com', '*.example.com', true),
  excepted('example.com', '.example.com', true),
  excepted('gpu.example.com.', 'example.com', true),
  excepted('gpu.example.com', 'example.com.', true),
  excepted('notexample.com', 'example.com', false),
  excepted('example.com', 'gpu.example.com', false),
  excepted('example.com', 'com.', true),
  excepted('gpu', '.', false),
  excepted('gpu', ',, ,', false),
  excepted('10.1.2.3', '10.0.0.0/8', true),
  excepted('11.1.2.3', '10.0.0.0/8', false),
  excepted('10.1.2.3', '10.1.2.3', true),
  excepted('10.1.2.3', '10.1.2.3:32222', true),
  excepted('10.1.2.3', '10.1.2.3:80', false),
  excepted('110.1.2.3', '10.1.2.3', false),
  excepted('10.1.2.3', '10.0.0.0/99', false),
  excepted('ten.example.com', '10.0.0.0/8', false),
  excepted('fd00::7', 'fd00::/8', true),
  excepted('fd00::7', '[fd00::]/8', true),
  excepted('fe80::7', 'fd00::/8', false),
  excepted('fd00::7', 'fd00:0:0:0:0:0:0:7', true),
  excepted('fd00::7', '[fd00::7]', true),
  excepted('fd00::7', '[fd00::7]:32222', true),
  excepted('fd00::7', '[fd00::7]:80', false),
];
