import type { FunctionDescription } from '@dcf/sdk/contract';

/** Lines about canaries: the limit that holds, and the last revision that lost its share. */
export function formatCanary({ canaryLimit, canaryStop }: Pick<FunctionDescription, 'canaryLimit' | 'canaryStop'>): string[] {
  const lines: string[] = [];
  if (canaryLimit !== null)
    lines.push(`a revision beside the active one loses its share when more than ${canaryLimit.maxErrorRate}% of its calls fail`);
  if (canaryStop !== null) {
    const { revision, at, calls, errors, maxErrorRate } = canaryStop;
    lines.push(
      `${revision} lost its share: ${errors} of its last ${calls} calls failed, more than ${maxErrorRate}% (${new Date(at).toISOString()})`,
    );
  }
  return lines;
}
