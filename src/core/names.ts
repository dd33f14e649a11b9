export {
  type Digest,
  type FunctionName,
  functionNameProblem,
  isDigest,
  isFunctionName,
  isRevisionId,
  maximumSecretBytes,
  type RevisionId,
  secretNameProblem,
} from '@dcf/sdk/manifest';
