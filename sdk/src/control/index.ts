export type { CallLimits, ConnectionOptions } from '../transport/options.js';
export { type ChangeOptions, ControlClient, type DeployOptions } from './control-client.js';
export type * from './types.js';
