/** `"name"`, exactly as written: capitals, spaces and quotes survive. */
export function quoteIdent(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal that means the same with `standard_conforming_strings` on or off. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

export function quoteTable(table: { readonly schema: string; readonly table: string }): string {
  return `${quoteIdent(table.schema)}.${quoteIdent(table.table)}`;
}

export function quoteList(names: readonly string[]): string {
  return names.map(quoteIdent).join(', ');
}
