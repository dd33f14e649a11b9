export { variableProblem } from './environment.js';
export { secretVariable } from './fields.js';
export { type Override, parseOverride, parseTextOverride } from './overrides.js';
export { parseManifestJson, parseManifestYaml } from './parse.js';
export {
  type GivenManifest,
  type Manifest,
  type ManifestInput,
  manifestJsonSchema,
  type ProviderName,
} from './schema.js';
export { readYaml } from './yaml.js';
