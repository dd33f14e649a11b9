import { circlesOf, importGraph } from './graph.mjs';

const covers = (place, path) => path === place || path.startsWith(`${place}/`);

/** The place with the longest path that covers `path`. */
const innermost = (places, path) => places.filter((place) => covers(place, path)).sort((a, b) => b.length - a.length)[0];

/**
 * What breaks the rules of rules.mjs.
 *
 * @param {ReadonlyMap<string, string>} sources - texts of TypeScript files by their path from the repository's root
 * @param {typeof import('./rules.mjs')} rules
 * @returns {string[]} a line for each problem
 */
export function importProblems(sources, { rooms, closedRooms, vendors }) {
  const graph = importGraph(sources);
  const problems = circlesOf(graph).map((circle) => `these files import each other in a circle: ${circle.join(', ')}`);
  for (const [path, { files, packages }] of graph) {
    const room = innermost(Object.keys(rooms), path);
    if (room === undefined) {
      problems.push(`${path} is in no room: give its folder a line in scripts/imports/rules.mjs`);
      continue;
    }
    for (const target of files) {
      const targetRoom = innermost(Object.keys(rooms), target);
      const allowed = targetRoom === room || rooms[room].some((place) => place === '*' || covers(place, target));
      const entered = innermost(Object.keys(closedRooms), target);
      const closed = entered !== undefined && !closedRooms[entered].some((place) => covers(place, path));
      if (allowed && closed) {
        problems.push(`${path} imports ${target}, but only these may import from ${entered}: ${closedRooms[entered].join(', ')}`);
      } else if (!allowed) {
        const list = rooms[room].length === 0 ? 'nothing else' : rooms[room].join(', ');
        problems.push(`${path} imports ${target}, but ${room} may import only: ${list}`);
      }
    }
    for (const name of packages) {
      const doors = vendors[name];
      if (doors === undefined) problems.push(`${path} imports ${name}, which has no door: name one in scripts/imports/rules.mjs`);
      else if (!doors.some((door) => covers(door, path))) problems.push(`${path} imports ${name}, whose door is ${doors.join(', ')}`);
    }
  }
  return problems;
}
