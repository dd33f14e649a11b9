export {
  type Digest,
  type FunctionName,
  functionNameProblem,
  isDigest,
  isFunctionName,
  isRevisionId,
  type RevisionId,
} from '@dcf/sdk/manifest';
