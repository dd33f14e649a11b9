export { decodeText } from '../text.js';
export { readBlob } from './blobs.js';
export { stopBundler } from './esbuild.js';
export type { LeftOut } from './files.js';
export { largestCopy, layOutFiles } from './lay-out.js';
export { type ExplainedPackage, explainPackage, type PackOptions, packFunction } from './pack.js';
export { checkPackagePath, findCollision, maximumFiles, maximumNameBytes, maximumPathBytes } from './paths.js';
export { locateResource, type ResourceLocation } from './resources.js';
export { emptyFolderMode, type FileSource, type FunctionPackage, isFolderMode, type PackedFile } from './types.js';
