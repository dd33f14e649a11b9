import { dirname, join } from 'node:path/posix';
import { parseSync } from 'oxc-parser';
import { pythonImports } from './python.mjs';

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
  const exported = module.staticExports.flatMap(({ entries }) => entries);
  const requests = [...module.staticImports, ...exported].map((one) => one.moduleRequest?.value);
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => /^'(.*)'$/.exec(source.slice(start, end))?.[1]);
  const types = Array.from(source.matchAll(/\btypeof import\('([^']+)'\)/g), ([, specifier]) => specifier);
  return [...requests, ...dynamic, ...types].filter((specifier) => typeof specifier === 'string');
}

/**
 * What each file imports: other files by their path, libraries by their package's name. Node's own modules and Python's libraries
 * are left out.
 *
 * @param {ReadonlyMap<string, string>} sources - texts by path
 * @returns {Map<string, { files: Set<string>, packages: Set<string> }>}
 */
export function importGraph(sources) {
  const graph = new Map();
  for (const [path, source] of sources) {
    if (path.endsWith('.py')) {
      graph.set(path, { files: pythonImports(path, source, sources), packages: new Set() });
      continue;
    }
    const specifiers = specifiersOf(path, source).filter((specifier) => !specifier.startsWith('node:'));
    const [near, far] = [true, false].map((relative) => specifiers.filter((specifier) => specifier.startsWith('.') === relative));
    graph.set(path, {
      files: new Set(near.map((specifier) => join(dirname(path), specifier).replace(/\.js$/, '.ts'))),
      packages: new Set(far.map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier)),
    });
  }
  return graph;
}

/**
 * The circles of imports, found by walking on from each file: each circle as its files in the order in which they import each other.
 *
 * @param {ReturnType<typeof importGraph>} graph
 * @returns {string[][]}
 */
export function circlesOf(graph) {
  const circles = [];
  const seen = new Set();
  const walk = (path, trail) => {
    if (trail.includes(path)) circles.push(trail.slice(trail.indexOf(path)));
    if (seen.has(path)) return;
    seen.add(path);
    for (const next of graph.get(path)?.files ?? []) walk(next, [...trail, path]);
  };
  for (const path of graph.keys()) walk(path, []);
  return circles;
}
