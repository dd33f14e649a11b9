export {
  aliasNameProblem,
  type Digest,
  type FunctionName,
  functionNameProblem,
  isAliasName,
  isDigest,
  isFunctionName,
  isRevisionId,
  maximumSecretBytes,
  type RevisionId,
  secretNameProblem,
} from '../names.js';
export { closestName } from '../suggest.js';
export { formatDuration, formatSize, parseDuration, parseSize } from '../units.js';
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
  providerNames,
} from './schema.js';
export { readYaml, type YamlContent } from './yaml.js';
