/** Where the next byte goes, and into what. Writers grow the slab themselves where a value has no fixed size. */
export interface Slab {
  bytes: Buffer;
  at: number;
}

export function reserve(slab: Slab, bytes: number): void {
  if (slab.at + bytes <= slab.bytes.length) return;
  const larger = Buffer.allocUnsafeSlow(Math.max(slab.bytes.length * 2, slab.at + bytes));
  slab.bytes.copy(larger, 0, 0, slab.at);
  slab.bytes = larger;
}
