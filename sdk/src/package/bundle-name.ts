/** Where the handler's bundle lies in a package: always at its root. Each module in it knows its own place. */
export const bundleName = 'handler.mjs';
export const bundleMapName = `${bundleName}.map`;
