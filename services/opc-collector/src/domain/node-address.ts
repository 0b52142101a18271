/** A node as people write it: pinned by its namespace's URI, which survives an index shift, or by index. */
export interface NodeAddress {
  /** Null: `index` says it. */
  readonly uri: string | null;
  readonly index: number;
  /** `i=…`, `s=…`, `g=…` or `b=…`. */
  readonly identifier: string;
}

const ADDRESS = /^(?:nsu=([^;]+);|ns=(\d+);)?((?:i=\d+|s=.+|g=[0-9a-fA-F-]{36}|b=[A-Za-z0-9+/=]+))$/s;

/** Null when it is none; OPC UA Part 6, 5.3.1.10. */
export function parseAddress(text: string): NodeAddress | null {
  const match = ADDRESS.exec(text);
  if (!match) return null;
  return { uri: match[1] ?? null, index: Number(match[2] ?? 0), identifier: match[3] ?? '' };
}

/** With the index that the namespace has in this session; null when the server does not have the namespace. */
export function addressInSession(address: NodeAddress, namespaces: readonly string[]): string | null {
  const index = address.uri === null ? address.index : namespaces.indexOf(address.uri);
  if (index < 0 || index >= namespaces.length) return null;
  return index === 0 ? address.identifier : `ns=${index};${address.identifier}`;
}

/** `ns=2;s=x` → `nsu=urn:plant;s=x`; what has no known namespace stays as it is. */
export function pinned(text: string, namespaces: readonly string[]): string {
  const address = parseAddress(text);
  if (!address || address.uri !== null) return text;
  if (address.index === 0) return address.identifier;
  const uri = namespaces[address.index];
  return uri === undefined ? text : `nsu=${uri};${address.identifier}`;
}
