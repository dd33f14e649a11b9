import { dirname, join, normalize } from 'node:path/posix';
import { parseSync } from 'oxc-parser';

/**
 * What a TypeScript file imports, types and `import()` included, as it is written there.
 *
 * @param {string} path
 * @param {string} source
 * @returns {string[]}
 */
function specifiersOf(path, source) {
  const { module, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path} cannot be parsed: ${errors[0].message}`);
  const requests = [...module.staticImports, ...module.staticExports.flatMap(({ entries }) => entries)].map((one) => one.moduleRequest);
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => source.slice(start, end));
  const types = source.matchAll(/\btypeof import\('([^']+)'\)/g);
  return [
    ...requests.filter((request) => request !== null && request !== undefined).map(({ value }) => value),
    ...dynamic.filter((text) => /^'[^']*'$/.test(text)).map((text) => text.slice(1, -1)),
    ...Array.from(types, ([, specifier]) => specifier),
  ];
}

/**
 * What each file imports: other files by their path, libraries by their package's name. Node's own modules are left out.
 *
 * @param {ReadonlyMap<string, string>} sources - texts by path
 * @returns {Map<string, { files: Set<string>, packages: Set<string> }>}
 */
export function importGraph(sources) {
  const graph = new Map();
  for (const [path, source] of sources) {
    const files = new Set();
    const packages = new Set();
    for (const specifier of specifiersOf(path, source)) {
      if (specifier.startsWith('.')) files.add(normalize(join(dirname(path), specifier)).replace(/\.js$/, '.ts'));
      else if (!specifier.startsWith('node:')) packages.add(/^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
    }
    graph.set(path, { files, packages });
  }
  return graph;
}

/**
 * The circles of imports: sets of files each of which reaches all others of its set (Tarjan, "Depth-first search and linear graph
 * algorithms", 1972).
 *
 * @param {ReturnType<typeof importGraph>} graph
 * @returns {string[][]}
 */
export function circlesOf(graph) {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const circles = [];
  const visit = (path) => {
    order.set(path, order.size);
    low.set(path, order.get(path));
    stack.push(path);
    for (const next of graph.get(path).files) {
      if (!graph.has(next)) continue;
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(path, Math.min(low.get(path), low.get(next)));
    }
    if (low.get(path) !== order.get(path)) return;
    const circle = stack.splice(stack.indexOf(path));
    if (circle.length > 1 || graph.get(path).files.has(path)) circles.push(circle.sort());
  };
  for (const path of graph.keys()) if (!order.has(path)) visit(path);
  return circles;
}
