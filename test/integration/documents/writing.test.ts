import { followPages } from '../../support/documents/follow.js';

await followPages('writing');
