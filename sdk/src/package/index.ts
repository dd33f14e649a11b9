export { decodeText } from '../text.js';
export { readBlob } from './blobs.js';
export { stopBundler } from './bundle/esbuild.js';
export type { LeftOut } from './folder/files.js';
export { checkPackagePath, findCollision, maximumFiles, maximumNameBytes, maximumPathBytes } from './folder/paths.js';
export { locateResource, type ResourceLocation } from './folder/resources.js';
export { largestCopy, layOutFiles } from './lay-out.js';
export { type ExplainedPackage, explainPackage, type PackOptions, packFunction } from './pack.js';
export { emptyFolderMode, type FileSource, type FunctionPackage, isFolderMode, type PackedFile } from './types.js';
