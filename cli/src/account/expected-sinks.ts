import { type ExpectedSinks, type LedgerEntry, sinkOfStage } from '@millrace/contracts';

/**
 * Which sinks owe a pipeline's loads: those of its file, and where no file is at hand those that the ledger has
 * heard of. Without a file, a sink that has never run is not waited for.
 */
export function expectedSinks(
  fromFiles: ReadonlyMap<string, ExpectedSinks>,
  entries: Iterable<LedgerEntry>,
): (pipeline: string) => ExpectedSinks {
  const seen = new Map<string, Map<string, string>>();
  for (const entry of entries) {
    const sink = sinkOfStage(entry.stage);
    const output = entry.sink?.output ?? entry.sinkStart?.output;
    if (sink === null || output === undefined) continue;
    const sinks = seen.get(entry.pipeline) ?? new Map<string, string>();
    seen.set(entry.pipeline, sinks.set(sink, output));
  }
  return (pipeline) =>
    fromFiles.get(pipeline) ??
    [...(seen.get(pipeline) ?? [])]
      .map(([name, output]) => ({ name, output }))
      .sort((x, y) => (x.name < y.name ? -1 : 1));
}
