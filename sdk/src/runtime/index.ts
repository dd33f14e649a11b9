export { jsonText } from './json.js';
export { adviceFor, nameOf } from './kinds.js';
