// A pen that writes digits: strokes through hand-placed points, with some wobble and pressure.

/** Points as the pen goes, x,y in a box 100 wide and 140 high, y downwards; / lifts it. A point given twice is a corner. */
export const strokes = {
  0: '62,12 38,10 18,38 13,78 26,118 52,130 78,110 88,70 80,32 60,11 46,14',
  '0-round': '54,10 24,24 10,64 20,112 50,130 82,114 92,70 82,28 56,9',
  1: '58,8 55,50 52,90 48,132',
  '1-flag': '28,38 44,26 58,10 58,10 57,55 55,95 54,132',
  2: '17,36 28,14 54,8 77,22 76,50 54,82 30,108 14,127 14,127 42,123 66,126 90,122',
  '2-loop': '20,34 36,12 62,10 78,30 70,60 48,94 24,122 12,124 14,108 32,106 54,120 74,128 92,116',
  3: '19,24 36,10 62,10 76,28 68,50 42,62 42,62 70,70 84,94 72,122 44,132 16,118',
  '3-flat': '16,14 44,12 80,10 80,10 62,34 44,56 44,56 68,60 84,84 76,116 48,130 18,120',
  4: '34,10 28,40 16,78 16,78 44,76 90,73 / 70,14 67,60 64,98 60,134',
  '4-shut': '64,8 44,44 14,92 14,92 50,90 90,89 / 66,10 65,54 63,98 61,134',
  5: '26,14 23,40 19,64 19,64 44,54 70,62 82,88 72,118 46,132 16,122 / 26,14 52,14 82,9',
  '5-swift': '84,10 56,13 30,14 30,14 26,38 22,60 22,60 48,56 70,66 78,90 66,118 42,130 16,124',
  6: '68,8 44,30 24,64 17,100 30,126 56,130 77,112 74,86 54,76 32,86 20,104',
  '6-tall': '58,6 36,36 20,76 18,110 34,130 58,130 74,114 70,92 50,84 28,96 20,110',
  7: '14,18 44,17 84,14 84,14 66,52 50,92 40,134',
  '7-barred': '14,24 18,14 48,16 84,12 84,12 66,54 52,92 42,132 / 34,74 54,70 76,68',
  8: '74,24 54,9 30,18 28,42 50,62 76,86 80,114 56,132 26,122 22,96 44,70 68,48 77,27 68,16',
  '8-two': '50,62 28,48 28,22 50,9 72,22 72,46 50,62 22,82 18,112 48,132 80,114 78,84 50,62',
  9: '74,34 58,12 34,14 19,38 27,62 50,66 70,48 76,26 76,26 73,66 68,100 60,134',
  '9-hook': '76,30 56,10 30,18 22,44 36,64 60,58 74,36 77,26 77,26 78,70 74,108 54,130 26,122',
};

/** A generator of random numbers from 0 to 1 (exclusive) that are the same for the same seed. */
export function generator(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A smooth curve through the points: a Catmull-Rom spline; the uniform kind is good enough, as the points are about equally far apart. */
function curve(points) {
  const steps = 14;
  const result = [];
  for (let i = 0; i + 1 < points.length; i++) {
    const [b, c] = [points[i], points[i + 1]];
    if (b[0] === c[0] && b[1] === c[1]) continue;
    const isCorner = (p, q) => p !== undefined && p[0] === q[0] && p[1] === q[1];
    const a = points[i - 1] === undefined || isCorner(points[i - 1], b) ? b : points[i - 1];
    const d = points[i + 2] === undefined || isCorner(points[i + 2], c) ? c : points[i + 2];
    for (let k = 0; k < steps; k++) {
      const t = k / steps;
      result.push(
        [0, 1].map(
          (n) =>
            0.5 *
            (2 * b[n] + (c[n] - a[n]) * t + (2 * a[n] - 5 * b[n] + 4 * c[n] - d[n]) * t * t + (3 * b[n] - a[n] - 3 * c[n] + d[n]) * t ** 3),
        ),
      );
    }
  }
  result.push(points.at(-1));
  return result;
}

/** A digit as SVG lines of varying width: a hand trembles a little, and presses harder in the middle of a stroke. */
export function write(example, random) {
  const { form, pen, slant, ink, width, height, size = 0.8, at = [0.5, 0.5] } = example;
  const scale = Math.min((width * Math.max(size, 0.1)) / 100, (height * size) / 140);
  const phase = [random() * 6, random() * 6, random() * 6];
  return strokes[form]
    .split(' / ')
    .map((stroke) => {
      const points = stroke.split(' ').map((point) => point.split(',').map(Number));
      const moved = points.map(([x, y]) => [x + (random() - 0.5) * 4, y + (random() - 0.5) * 4]);
      points.forEach((p, i) => {
        if (i > 0 && p[0] === points[i - 1][0] && p[1] === points[i - 1][1]) moved[i] = moved[i - 1];
      });
      const line = curve(moved).map(([x, y], i) => {
        const [u, v] = [x + Math.sin(i / 5 + phase[0]) * 0.7, y + Math.cos(i / 6 + phase[1]) * 0.7];
        return [width * at[0] + (u - 50 - slant * (v - 70)) * scale, height * at[1] + (v - 70) * scale];
      });
      return line
        .slice(1)
        .map((to, i) => {
          const press = pen * scale * (0.85 + 0.2 * Math.sin((Math.PI * i) / line.length) + 0.1 * Math.sin(i / 7 + phase[2]));
          const [from, n] = [line[i], (value) => value.toFixed(2)];
          return `<path d="M${n(from[0])} ${n(from[1])}L${n(to[0])} ${n(to[1])}" stroke="${ink}" stroke-width="${n(press)}" stroke-linecap="round"/>`;
        })
        .join('');
    })
    .join('');
}
