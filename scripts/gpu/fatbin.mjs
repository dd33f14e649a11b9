/** The first bytes of a fat binary, which has a kernel's code for several cards: https://docs.nvidia.com/cuda/cuda-binary-utilities. */
const magic = Buffer.from([0x50, 0xed, 0x55, 0xba]);
const version = 1;
const headerSize = 16;
const machineCode = 2;

/**
 * Overwrites the machine code that a card would never run with zeros, in place, so that the library packs small and nothing in it
 * moves: of each kernel what is for later generations, and what is for other cards where there is code for this one.
 *
 * @param library - a library with CUDA kernels
 * @param capability - the card's, as 90 for 9.0
 * @returns how many bytes were overwritten, and how many kernels' binaries were seen
 */
export function keepOneArchitecture(library, capability) {
  let bytes = 0;
  let binaries = 0;
  for (let at = library.indexOf(magic); at >= 0; at = library.indexOf(magic, at + magic.length)) {
    const entries = entriesAt(library, at);
    if (entries.length === 0) continue;
    binaries += 1;
    const exact = entries.some((entry) => entry.kind === machineCode && entry.capability === capability);
    for (const { kind, capability: other, from, to } of entries) {
      const later = Math.floor(other / 10) > Math.floor(capability / 10);
      if (kind !== machineCode || other === capability || !(exact || later)) continue;
      library.fill(0, from, to);
      bytes += to - from;
    }
  }
  return { bytes, binaries };
}

/** The entries of a fat binary; none when it only looks like one. */
function entriesAt(library, at) {
  if (at + headerSize > library.length) return [];
  if (library.readUInt16LE(at + 4) !== version || library.readUInt16LE(at + 6) !== headerSize) return [];
  const end = at + headerSize + Number(library.readBigUInt64LE(at + 8));
  const entries = [];
  for (let next = at + headerSize; next < end; ) {
    if (end > library.length || next + 32 > end) return [];
    const from = next + library.readUInt32LE(next + 4);
    const to = from + Number(library.readBigUInt64LE(next + 8));
    if (from <= next || to > end) return [];
    entries.push({ kind: library.readUInt16LE(next), capability: library.readUInt32LE(next + 28), from, to });
    next = to;
  }
  return entries;
}
