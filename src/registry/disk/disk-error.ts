import { DcfError, errorCode, messageOf } from '../../core/errors.js';

/**
 * A failure of the file system as an error for the caller; what is a DcfError already stays.
 *
 * @param directory - the data directory
 * @param doing - what could not be done, such as `store the blob …`
 */
export function diskError(error: unknown, directory: string, doing: string): DcfError {
  if (DcfError.is(error)) return error;
  switch (errorCode(error)) {
    case 'ENOSPC':
      return new DcfError('RESOURCE_EXHAUSTED', `the disk of ${directory} is full: free some space and try again`, { cause: error });
    case 'EDQUOT':
      return new DcfError('RESOURCE_EXHAUSTED', `the disk quota for ${directory} is used up: free some space and try again`, {
        cause: error,
      });
    default:
      return new DcfError('INTERNAL', `could not ${doing}: ${messageOf(error)}`, { cause: error });
  }
}
