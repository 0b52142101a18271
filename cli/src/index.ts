export { type LoadJson, loadJson, type SinkJson } from './account/load-json.ts';
export { equationLines, loadsTable } from './account/loads-table.ts';
export { lagOf, type PartitionLag } from './status/lag.ts';
export { formatAge, formatBytes, formatCount, plural } from './text/quantity.ts';
export { NO_STYLE, type Style, styleFor } from './text/style.ts';
export { type Column, safeText, table } from './text/table.ts';
export { type Folded, foldTopic } from './topics/fold.ts';
export { readDeadLetters, readLedger } from './topics/own-records.ts';
