export { formatDuration, formatSize, parseDuration, parseSize } from '@dcf/sdk/manifest';
