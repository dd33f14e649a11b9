import { DcfError, errorCode, messageOf } from '../../core/errors.js';

/** Errors of link(2) where no hard link is possible: the file system has none, or the file has too many of them. */
const noLink: readonly (string | undefined)[] = ['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Whether a hard link could not be made because none is possible there. https://man7.org/linux/man-pages/man2/link.2.html */
export function cannotLink(error: unknown): boolean {
  return noLink.includes(errorCode(error));
}

/**
 * Turns an error of the file system into one for the caller. A DcfError is returned unchanged.
 *
 * @param directory - the data directory
 * @param doing - what failed, such as `store the blob …`; the message says `could not ${doing}`
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
