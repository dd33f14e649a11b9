import { type Context, DcfError, type Request } from '@dcf/sdk';

/** Does equal work in every call, and nothing else: it takes as long as the machine lets it. */
export class Handler {
  readonly #rounds: number;

  constructor({ parameters }: Context) {
    const { rounds } = parameters;
    if (typeof rounds !== 'number') throw new DcfError('INVALID_ARGUMENT', 'parameters.rounds must be a number');
    this.#rounds = rounds;
  }

  call(_request: Request): string {
    let value = 1;
    for (let round = 0; round < this.#rounds; round++) value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0;
    return String(value);
  }
}
