import { type FunctionName, functionNameProblem, isFunctionName } from '@dcf/sdk/names';
import { DcfError } from './errors.js';

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
} from '@dcf/sdk/names';

/**
 * Checks a function's name that a caller gave.
 *
 * @throws DcfError INVALID_ARGUMENT with the rule when no function can have this name
 */
export function requireFunctionName(name: string): FunctionName {
  if (!isFunctionName(name)) throw new DcfError('INVALID_ARGUMENT', functionNameProblem(name));
  return name;
}
