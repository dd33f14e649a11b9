/** Rounds of a benchmark, the unmeasured one before them not counted. */
export const rounds = 5;

/** What was measured, side by side; entry i of both is of the same round. */
export interface Rounds<Sample> {
  subject: Sample[];
  peer: Sample[];
}

/** Measures one thing, once unmeasured and then in every round. @param count - of the rounds. @default `rounds` */
export async function repeat<Sample>(measure: () => Promise<Sample>, count = rounds): Promise<Sample[]> {
  await measure();
  const samples: Sample[] = [];
  for (let round = 0; round < count; round++) samples.push(await measure());
  return samples;
}

/** Measures two things in turn, once unmeasured and then in every round. @param count - of the rounds. @default `rounds` */
export async function interleave<Sample>(
  subject: () => Promise<Sample>,
  peer: () => Promise<Sample>,
  count = rounds,
): Promise<Rounds<Sample>> {
  const pairs = await repeat(async () => ({ subject: await subject(), peer: await peer() }), count);
  return { subject: pairs.map((pair) => pair.subject), peer: pairs.map((pair) => pair.peer) };
}
