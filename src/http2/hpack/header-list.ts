/**
 * A decoded header list: names and values alternate, in the order of the block: [name, value, name, value, …]. Each character stands for one
 * byte (latin1). A list may be shared by several requests, so nobody may change it.
 */
export type HeaderList = readonly string[];

/** What a field counts beside the bytes of its name and its value, in a table (RFC 7541, section 4.1) and in a list (RFC 9113, section 6.5.2). */
export const fieldOverhead = 32;
