/** A function that does what its input asks for; what a call may do to a daemon and has to be survived. */
export const misbehavingSource = `
import { DcfError } from '@dcf/sdk';

// What was logged is written in the next turn of the event loop.
const written = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const sleep = (signal: AbortSignal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

export class Handler {
  aborts: string[] = [];

  async call(request: any): Promise<any> {
    switch (request.text()) {
      case 'throw': throw new Error('it does not work');
      case 'throw text': throw 'just a text';
      case 'throw undefined': throw undefined;
      case 'reject': return Promise.reject(new TypeError('rejected'));
      case 'choose': throw new DcfError('ALREADY_EXISTS', 'a code of its own');
      case 'choose unavailable': throw new DcfError('UNAVAILABLE', 'its own upstream is gone', { retryAfterMs: 1 });
      case 'nothing': return undefined;
      case 'function': return () => 1;
      case 'cycle': { const a: any = {}; a.a = a; return a; }
      case 'lone surrogate': throw new Error('half \\ud800 a character');
      case 'long message': throw new Error('x'.repeat(1_000_000));
      case 'line breaks': throw new Error('first\\r\\nsecond: \\0 third');
      case 'exit': process.exit(3);
      case 'crash': process.kill(process.pid, 'SIGSEGV'); return new Promise(() => undefined);
      case 'uncaught': setTimeout(() => { throw new Error('from a timer'); }, 0); return new Promise(() => undefined);
      case 'wait': console.log('waits'); await sleep(request.signal); console.log('was aborted: ' + request.signal.reason.message); return 'late';
      case 'spin': console.log('spins'); await written(); for (;;);
      case 'id': return request.id;
      case 'metadata': return request.metadata;
      case 'deadline': return request.deadline.getTime() - Date.now();
      case 'pid': return String(process.pid);
      default: return request.input;
    }
  }
}
`;
