import type { CatalogColumn, CatalogTable } from './catalog.ts';
import { quoteIdent, quoteList, quoteTable } from './quote.ts';
import { stagingType } from './sql-types.ts';
import { ORD, STAGE } from './staging.ts';
import { arbiterColumns, type FieldColumn, fieldColumns, LINEAGE, type TableSpec } from './table-spec.ts';

const LINEAGE_NAMES = [LINEAGE.fileTime, LINEAGE.load, LINEAGE.row] as const;

/** The common table expressions that turn the stage into rows of the target. */
export interface MergeParts {
  /** `winner AS (…)`: the one row per key that may be written, in key order. */
  readonly winner: string;
  /** `INSERT INTO … SELECT … FROM winner … ON CONFLICT …`, without RETURNING. */
  readonly insert: string;
}

/**
 * The statement of a batch, in parts. `where` narrows the staged rows, for the probe.
 *
 * Values are cast to the column's type before winners are chosen, so that keys which become equal only in that type
 * are seen as equal. Columns with a length are the exception: an explicit cast to `varchar(3)` cuts silently, the
 * assignment of the INSERT refuses.
 */
export function mergeParts(spec: TableSpec, table: CatalogTable, where = ''): MergeParts {
  const fields = fieldColumns(spec);
  const names = [...fields.map((column) => column.name), ...LINEAGE_NAMES];
  const typed = `SELECT ${[
    ...fields.map((column) => castTo(column, table.columns.get(column.name))),
    ...LINEAGE_NAMES,
  ].join(', ')} FROM ${STAGE}${where === '' ? '' : ` WHERE ${where}`}`;

  const into = `INSERT INTO ${quoteTable(spec)} AS t (${quoteList(names)}) SELECT ${quoteList(names)} FROM winner`;
  if (spec.write.mode === 'append') {
    const order = quoteList(arbiterColumns(spec));
    return {
      winner: `winner AS MATERIALIZED (SELECT DISTINCT ON (${order}) * FROM (${typed}) AS typed ORDER BY ${order})`,
      insert: `${into} ORDER BY ${order} ON CONFLICT (${order}) DO NOTHING`,
    };
  }
  const { key, version } = spec.write;
  const order = [...version.map(quoteIdent), ...LINEAGE_NAMES].map((name) => `${name} DESC NULLS LAST`);
  const updated = names.filter((name) => !key.includes(name));
  return {
    winner: `winner AS MATERIALIZED (SELECT DISTINCT ON (${quoteList(key)}) * FROM (${typed}) AS typed ORDER BY ${quoteList(key)}, ${order.join(', ')})`,
    insert: [
      `${into} ORDER BY ${quoteList(key)}`,
      `ON CONFLICT (${quoteList(key)}) DO UPDATE SET ${updated.map((name) => `${quoteIdent(name)} = excluded.${quoteIdent(name)}`).join(', ')}`,
      `WHERE ${isHigher([...version, ...LINEAGE_NAMES], table)}`,
    ].join('\n'),
  };
}

/**
 * `existed AS (…)`: the keys of winners that the table had when the statement began, and how a returned row is found
 * in it. A partitioned table gives no `xmax`; a partition of the topic has all writes to its keys, so that nobody
 * else of ours inserts one meanwhile.
 */
export function existedParts(spec: TableSpec): { readonly cte: string; readonly returned: string } {
  const key = arbiterColumns(spec);
  const equal = (a: string, b: string) =>
    key.map((name) => `${a}.${quoteIdent(name)} = ${b}.${quoteIdent(name)}`).join(' AND ');
  return {
    cte: `existed AS MATERIALIZED (SELECT ${key.map((name) => `o.${quoteIdent(name)}`).join(', ')} FROM ${quoteTable(spec)} AS o JOIN winner AS w ON ${equal('o', 'w')})`,
    returned: `NOT EXISTS (SELECT FROM existed AS e WHERE ${equal('e', 't')})`,
  };
}

/** What selects a range of the batch. */
export function ordBetween(low: string, high: string): string {
  return `${ORD} BETWEEN ${low} AND ${high}`;
}

function castTo(column: FieldColumn, target: CatalogColumn | undefined): string {
  const name = quoteIdent(column.name);
  const type = castType(target);
  return type === null || type === stagingType(column.type) ? name : `${name}::${type} AS ${name}`;
}

function castType(target: CatalogColumn | undefined): string | null {
  if (target === undefined) return null;
  if (target.baseType === 'character varying') return 'character varying';
  if (target.baseType === 'character') return 'bpchar';
  return target.type;
}

/** `(new…) > (old…)` over the version, column by column, a null lower than any value. */
function isHigher(names: readonly string[], table: CatalogTable): string {
  const [name, ...rest] = names;
  if (name === undefined) return 'false';
  const collate = name === LINEAGE.load ? ' COLLATE "C"' : '';
  const next = `excluded.${quoteIdent(name)}`;
  const old = `t.${quoteIdent(name)}${collate}`;
  const higher = `${next} > ${old}`;
  if (table.columns.get(name)?.notNull === true) {
    return rest.length === 0 ? higher : `(${higher} OR (${next} = ${old} AND ${isHigher(rest, table)}))`;
  }
  const fromNull = `(${next} IS NOT NULL AND ${old} IS NULL)`;
  const same = `(${next} IS NOT DISTINCT FROM ${old} AND ${isHigher(rest, table)})`;
  return rest.length === 0 ? `(${higher} OR ${fromNull})` : `(${higher} OR ${fromNull} OR ${same})`;
}
