export {
  aliasNameProblem,
  type Digest,
  type FunctionName,
  functionNameProblem,
  isAliasName,
  isDigest,
  isFunctionName,
  isRevisionId,
  type RevisionId,
} from '@dcf/sdk/manifest';
