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
} from '@dcf/sdk/manifest';
