import type { SftpConnection } from './connection.ts';
import { pathError, STATUS, statusOf } from './errors.ts';

/** OpenSSH answers at most 256 KiB less its header; larger requests come back short. */
const READ_BYTES = 255 * 1024;
const READS_AHEAD = 16;

/**
 * The file's bytes in order, with 16 requests under way (measured: over twice the speed of one get after the other). At most
 * 4 MiB are held; nothing more is asked for while the consumer is busy. Requests read into buffers that are used
 * again, and the consumer gets copies: fresh ones would outlive V8's young generation while they wait for their
 * answers, and then stay until a full collection (measured without Kafka over 1,500 chunks: 157 MiB at the peak against 121).
 */
export async function* readAhead(
  connection: SftpConnection,
  handle: Buffer,
  size: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const window: {
    readonly from: number;
    readonly length: number;
    readonly slot: Buffer;
    readonly answer: Promise<Buffer>;
  }[] = [];
  const free: Buffer[] = [];
  let asked = 0;
  let at = 0;
  const fill = (): void => {
    while (window.length < READS_AHEAD && asked < size) {
      const length = Math.min(READ_BYTES, size - asked);
      const slot = free.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
      const answer = readOnce(connection, handle, slot.subarray(0, length), asked, signal);
      // Those behind a failed one fail as well, unheard.
      answer.catch(() => undefined);
      window.push({ from: asked, length, slot, answer });
      asked += length;
    }
  };
  fill();
  for (let next = window.shift(); next; next = window.shift()) {
    let bytes: Buffer = Buffer.from(await next.answer);
    free.push(next.slot);
    fill();
    while (bytes.length > 0) {
      at += bytes.length;
      yield bytes;
      const missing = next.from + next.length - at;
      if (missing === 0) break;
      // A short answer is no end: ask for the rest.
      bytes = await readOnce(connection, handle, Buffer.allocUnsafeSlow(missing), at, signal);
    }
    if (bytes.length === 0) return;
  }
}

/** Reads into `buffer` and returns what came; empty at the end of the file. */
async function readOnce(
  connection: SftpConnection,
  handle: Buffer,
  buffer: Buffer,
  from: number,
  signal: AbortSignal,
): Promise<Buffer> {
  try {
    const read = await connection.request<number>(
      (done) =>
        connection.sftp.read(handle, buffer, 0, buffer.length, from, (error, bytes) => done(error, bytes)),
      signal,
    );
    return buffer.subarray(0, read);
  } catch (error) {
    if (statusOf(error) === STATUS.eof) return buffer.subarray(0, 0);
    if (signal.aborted) throw error;
    throw pathError(error, 'reading');
  }
}
