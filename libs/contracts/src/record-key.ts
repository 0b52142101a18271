/**
 * The text of a record key: its fields joined with `|`; `\` and `|` inside a field are escaped with `\`, so that
 * different fields never make the same key.
 */
export function joinKey(parts: readonly string[]): string {
  if (parts.length === 1) return escapePart(parts[0] ?? '');
  return parts.map(escapePart).join('|');
}

function escapePart(part: string): string {
  return part.includes('|') || part.includes('\\') ? part.replace(/[\\|]/g, '\\$&') : part;
}
