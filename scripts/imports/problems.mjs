import { circlesOf, importGraph } from './graph.mjs';

const covers = (place, path) => path === place || path.startsWith(`${place}/`);

/**
 * What breaks the rules of rules.mjs.
 *
 * @param {ReadonlyMap<string, string>} sources - texts of TypeScript and Python files by their path from the repository's root
 * @param {typeof import('./rules.mjs')} rules
 * @returns {string[]} a line for each problem
 */
export function importProblems(sources, { rooms, vendors }) {
  const graph = importGraph(sources);
  const problems = circlesOf(graph).map((circle) => `these files import each other in a circle: ${circle.join(', ')}`);
  const names = Object.keys(rooms).sort((a, b) => b.length - a.length);
  const roomOf = (path) => names.find((name) => covers(name, path));
  for (const [path, { files, packages }] of graph) {
    const room = roomOf(path);
    if (room === undefined) {
      problems.push(`${path} is in no room: give its folder a line in scripts/imports/rules.mjs`);
      continue;
    }
    const allowed = rooms[room];
    for (const target of files) {
      const within = (entry) => entry.endsWith('/**') && covers(entry.slice(0, -'/**'.length), target);
      if (roomOf(target) === room || allowed.some((entry) => entry === target || entry === roomOf(target) || within(entry))) continue;
      problems.push(`${path} imports ${target}, but ${room} may import only: ${allowed.join(', ') || 'nothing else'}`);
    }
    for (const name of packages) {
      const doors = vendors[name];
      if (doors === undefined) problems.push(`${path} imports ${name}, which has no door: name one in scripts/imports/rules.mjs`);
      else if (!doors.some((door) => covers(door, path))) problems.push(`${path} imports ${name}, whose door is ${doors.join(', ')}`);
    }
  }
  return problems;
}
