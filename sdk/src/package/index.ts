export { readBlob } from './blobs.js';
export { stopBundler } from './bundle.js';
export { type PackOptions, packFunction } from './pack.js';
export { checkPackagePath, findCollision, maximumFiles, maximumNameBytes, maximumPathBytes } from './paths.js';
export { locateResource, type ResourceLocation } from './resources.js';
export type { FileSource, FunctionPackage, PackedFile } from './types.js';
