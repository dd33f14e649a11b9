/** A failure that another try may not meet. */
export class TransientError extends Error {}
