import { join } from 'node:path';
import type { SpoolDisk } from '../ports.ts';
import { FRAME, readFrame } from './frames.ts';
import { type Segment, type SegmentHeader, SpoolLog, type SpoolMeta, segmentFile } from './log.ts';

const CHUNK_BYTES = 1024 * 1024;

/** Reads what a process left behind: segments up to their last good frame, sealed. Null when it never began. */
export async function recoverSpool(disk: SpoolDisk, folder: string): Promise<SpoolLog | null> {
  const meta = await readMeta(disk, folder);
  if (!meta) return null;
  const log = new SpoolLog(disk, folder, meta);
  const names = (await disk.list(folder)).map((entry) => entry.name);
  const indexes = names.flatMap((name) => /^(\d{8})\.(?:seg|dropped)$/.exec(name)?.[1] ?? []).map(Number);
  const segments: Segment[] = [];
  for (const index of [...new Set(indexes)].sort((x, y) => x - y)) {
    const segment = await recoverSegment(disk, folder, index, names);
    if (segment) segments.push(segment);
  }
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1];
    if (next) endAt(segment, next.header.firstSequence);
    log.add(segment);
  }
  log.seal();
  return log;
}

export async function readMeta(disk: SpoolDisk, folder: string): Promise<SpoolMeta | null> {
  try {
    const bytes = await disk.read(join(folder, 'owner.json'), 0, 64 * 1024);
    const value: unknown = JSON.parse(bytes.toString());
    if (typeof value !== 'object' || value === null) return null;
    const { spoolId, server, pid, processStart, host } = value as Record<string, unknown>;
    if (typeof spoolId !== 'string' || typeof server !== 'string') return null;
    return { spoolId, server, pid: Number(pid), processStart: String(processStart), host: String(host) };
  } catch {
    // Not written yet, or cut short: then no segment was either.
    return null;
  }
}

/**
 * Frames that the next segment repeats do not count here: an fsync had failed to cover them. Frames that are missing
 * in between were damaged on disk. Behind the last segment only a torn tail can be, which was never promised.
 */
function endAt(segment: Segment, sequence: number): void {
  segment.missing = Math.max(0, sequence - segment.nextSequence);
  segment.nextSequence = Math.min(segment.nextSequence, sequence);
}

async function recoverSegment(
  disk: SpoolDisk,
  folder: string,
  index: number,
  names: readonly string[],
): Promise<Segment | null> {
  const drop = segmentFile(index).replace('.seg', '.dropped');
  if (names.includes(drop)) {
    const note = await disk.read(join(folder, drop), 0, CHUNK_BYTES);
    const { firstMs, lastMs, ...rest } = JSON.parse(note.toString()) as Segment;
    return {
      ...rest,
      firstMs: firstMs ?? Number.NaN,
      lastMs: lastMs ?? Number.NaN,
      dropped: true,
      closed: true,
    };
  }
  let segment: Segment | null = null;
  for await (const frame of framesOf(disk, join(folder, segmentFile(index)), 0, Number.POSITIVE_INFINITY)) {
    if (frame === 'damaged') break;
    if (!segment) {
      const header = frame.kind === FRAME.header ? parseHeader(frame.body) : null;
      if (!header) return null;
      segment = newSegment(header, frame.end);
      segment.closed = true;
      continue;
    }
    segment.bytes = frame.end;
    segment.nextSequence = frame.sequence + 1;
    if (frame.kind === FRAME.reading) noteReading(segment, frame.timeMs);
  }
  return segment;
}

export function newSegment(header: SegmentHeader, bytes: number): Segment {
  return {
    header,
    bytes,
    nextSequence: header.firstSequence,
    readings: 0,
    firstMs: Number.NaN,
    lastMs: Number.NaN,
    closed: false,
    dropped: false,
    missing: 0,
  };
}

function noteReading(segment: Segment, timeMs: number): void {
  segment.readings += 1;
  if (Number.isNaN(segment.firstMs) || timeMs < segment.firstMs) segment.firstMs = timeMs;
  if (Number.isNaN(segment.lastMs) || timeMs > segment.lastMs) segment.lastMs = timeMs;
}

function parseHeader(bytes: Uint8Array): SegmentHeader | null {
  const value = JSON.parse(Buffer.from(bytes).toString()) as Partial<SegmentHeader>;
  const { index, firstSequence, openedAt, schema } = value;
  if (typeof index !== 'number' || typeof firstSequence !== 'number') return null;
  if (typeof openedAt !== 'number' || typeof schema !== 'string') return null;
  return { index, firstSequence, openedAt, schema };
}

/** A frame with `end` as a position in the file. Ends at `to` or at a cut; yields `'damaged'` last where bytes are wrong. */
export async function* framesOf(
  disk: SpoolDisk,
  path: string,
  from: number,
  to: number,
): AsyncGenerator<Exclude<ReturnType<typeof readFrame>, 'short'>> {
  let at = from;
  let want = CHUNK_BYTES;
  while (at < to) {
    const bytes = await disk.read(path, at, Math.min(want, to - at));
    let inside = 0;
    for (;;) {
      const frame = readFrame(bytes, inside);
      if (frame === 'short') break;
      if (frame === 'damaged') {
        yield frame;
        return;
      }
      inside = frame.end;
      yield { ...frame, end: at + frame.end };
    }
    if (inside === 0) {
      if (bytes.length < Math.min(want, to - at)) {
        if (bytes.length > 0 || to !== Number.POSITIVE_INFINITY) yield 'damaged';
        return;
      }
      if (bytes.length === to - at) {
        yield 'damaged';
        return;
      }
      want *= 2;
      continue;
    }
    want = CHUNK_BYTES;
    at += inside;
  }
}
