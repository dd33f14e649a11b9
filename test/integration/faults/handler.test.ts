import { faults } from '../../support/faults/fault-matrix.js';
import { failsAndLives } from '../../support/faults/plays.js';

/** A Handler that fails in one way, but answers `ping`, by which it is seen that the very same worker goes on. */
function failing(statement: string): string {
  return `import { DcfError } from '@dcf/sdk';
declare const setTimeout: any;
export class Handler {
  answered = 0;
  async call(request: any): Promise<any> {
    if (request.text() === 'ping') return ++this.answered;
    ${statement}
  }
}`;
}

const thrown: [fault: string, statement: string, details: RegExp][] = [
  ['The Handler throws an Error', "throw new Error('it does not work');", /^it does not work$/],
  ['The Handler rejects', "return Promise.reject(new TypeError('rejected'));", /^rejected$/],
  ['The Handler throws a string', "throw 'just a text';", /^just a text$/],
  ['The Handler throws null', 'throw null;', /^null was thrown$/],
  ['The Handler throws an Error with a message of 1 MB', "throw new Error('x'.repeat(1_000_000));", /^x{3000,4200} … \(cut\)$/],
  [
    'The Handler throws an Error with an ill-formed message',
    "throw new Error('half \\ud800 a character,\\r\\nNUL \\0');",
    /^half \ufffd a character,\r\nNUL \0$/,
  ],
];

faults('What a Handler answers', {}, (row) => {
  for (const [fault, statement, details] of thrown) {
    row(fault, 'UNKNOWN with the message, cut and well-formed; the worker is kept', async (scene) => {
      await scene.deploy(failing(statement));
      await failsAndLives(scene, 'UNKNOWN', details);
    });
  }

  row('The Handler throws a `DcfError`', 'The code and the message that it chose; the worker is kept', async (scene) => {
    await scene.deploy(failing("throw new DcfError('ALREADY_EXISTS', 'a code of its own');"));
    await failsAndLives(scene, 'ALREADY_EXISTS', /^a code of its own$/);
  });

  const unfit: [what: string, statement: string, details: RegExp][] = [
    ['nothing', 'return undefined;', /returned nothing/],
    ['a function', 'return () => 1;', /returned a function/],
    ['a cycle', 'const a: any = {}; a.a = a; return a;', /JSON cannot write/],
  ];
  for (const [what, statement, details] of unfit) {
    row(`The Handler returns ${what}`, 'INTERNAL, which says what a Reply is; the worker is kept', async (scene) => {
      await scene.deploy(failing(statement));
      await failsAndLives(scene, 'INTERNAL', details);
    });
  }

  row('The Handler returns more than `limits.payload`', 'RESOURCE_EXHAUSTED with both numbers; the worker is kept', async (scene) => {
    await scene.deploy(failing('return new Uint8Array(1025);'), { limits: { payload: '1KiB' } });
    await failsAndLives(scene, 'RESOURCE_EXHAUSTED', /1025 bytes.*1024/);
  });
});
