import type { Tally } from '@millrace/core';
import type { CatalogTable } from './catalog.ts';
import { DATA_STATES, SQLSTATE_FENCED, SQLSTATE_PROBED } from './errors.ts';
import { existedParts, mergeParts, ordBetween } from './merge.ts';
import { quoteIdent, quoteTable, quoteText } from './quote.ts';
import { STAGE } from './staging.ts';
import { LINEAGE, type TableSpec } from './table-spec.ts';

/** One row of `millrace_offset`, under the token that a claim gave. */
export interface OffsetPlace {
  readonly schema: string;
  /** `<instance>/<pipeline>/<sink>`. */
  readonly sink: string;
  readonly topic: string;
  readonly partition: number;
}

export interface Delta {
  readonly loadId: string;
  readonly applied: Readonly<Tally>;
  readonly rejected: Readonly<Tally>;
  readonly resolved: Readonly<Tally>;
}

export interface Move {
  readonly token: string;
  readonly from: number;
  readonly to: number;
  readonly ledgerThrough: number;
}

/**
 * Moves `next`, or raises `MR001` when the partition has another owner or another position by now. Takes the row's
 * lock, so whatever follows in the transaction is ours alone.
 */
export function advanceStatement(place: OffsetPlace, move: Move): string {
  return `DO $millrace$ BEGIN
  UPDATE ${quoteIdent(place.schema)}.millrace_offset
  SET next = ${move.to}, counted_through = greatest(counted_through, ${move.to}),
      ledger_through = greatest(ledger_through, ${move.ledgerThrough}), updated_at = now()
  WHERE ${atPlace(place)} AND fencing_token = ${move.token} AND next = ${move.from};
  IF NOT FOUND THEN
    RAISE EXCEPTION 'another owner or another position' USING ERRCODE = '${SQLSTATE_FENCED}';
  END IF;
END $millrace$`;
}

/**
 * The whole of a batch in one message: the server goes through it without us. Nothing is answered before COMMIT
 * that could fill the socket of a stopped client; the new counts are read behind it.
 */
export function applyRequest(
  spec: TableSpec,
  table: CatalogTable,
  place: OffsetPlace,
  move: Move,
  counting: 'normal' | 'resolved' | 'uncounted',
  deltas: readonly Delta[],
  /** Statements on the stage that are one with the batch, between the lock of the position and the merge. */
  alongside: readonly string[] = [],
): string {
  const parts = mergeParts(spec, table);
  const statements = ['BEGIN', advanceStatement(place, move), ...alongside];
  if (counting === 'normal' && deltas.length > 0) {
    const existed = table.partitioned ? existedParts(spec) : null;
    statements.push(mergeAndCount(parts, existed, place, move, deltas));
  } else {
    statements.push(`WITH ${parts.winner}\n${parts.insert}`);
    if (counting === 'resolved' && deltas.length > 0) statements.push(countOnly(place, move, deltas));
  }
  statements.push('COMMIT');
  if (deltas.length > 0) {
    const ids = deltas.map((delta) => quoteText(delta.loadId)).join(', ');
    statements.push(`${selectLoads(place)} AND load_id IN (${ids})`);
  }
  return statements.join(';\n');
}

/** Moves the position only. */
export function skipRequest(place: OffsetPlace, move: Move): string {
  return `BEGIN;\n${advanceStatement(place, move)};\nCOMMIT`;
}

function mergeAndCount(
  parts: ReturnType<typeof mergeParts>,
  existed: ReturnType<typeof existedParts> | null,
  place: OffsetPlace,
  move: Move,
  deltas: readonly Delta[],
): string {
  // xmax is 0 in a row that was just inserted, and our own transaction in one that ON CONFLICT locked to update.
  return `WITH ${parts.winner},${existed === null ? '' : `\n${existed.cte},`}
merged AS (
${parts.insert}
RETURNING t.${LINEAGE.load}, (${existed?.returned ?? 't.xmax = 0'}) AS inserted
),
counted AS (
  SELECT ${LINEAGE.load} AS load_id, count(*) FILTER (WHERE inserted) AS inserted, count(*) FILTER (WHERE NOT inserted) AS updated
  FROM merged GROUP BY 1
),
staged AS (SELECT ${LINEAGE.load} AS load_id, count(*) AS n FROM ${STAGE} GROUP BY 1),
won AS (SELECT ${LINEAGE.load} AS load_id, count(*) AS n FROM winner GROUP BY 1)
${intoLoads(place)}
SELECT ${placeValues(place)}, d.load_id, ${move.from}, d.applied_n, d.applied_a, d.applied_b,
  coalesce(c.inserted, 0), coalesce(c.updated, 0),
  coalesce(w.n, 0) - coalesce(c.inserted, 0) - coalesce(c.updated, 0),
  coalesce(s.n, 0) - coalesce(w.n, 0),
  d.rejected_n, d.rejected_a, d.rejected_b, d.resolved_n, d.resolved_a, d.resolved_b, ${move.to}
FROM ${deltaValues(deltas)}
LEFT JOIN staged AS s USING (load_id) LEFT JOIN won AS w USING (load_id) LEFT JOIN counted AS c USING (load_id)
ORDER BY d.load_id
${ADD_UP}`;
}

function countOnly(place: OffsetPlace, move: Move, deltas: readonly Delta[]): string {
  return `${intoLoads(place)}
SELECT ${placeValues(place)}, d.load_id, ${move.from}, d.applied_n, d.applied_a, d.applied_b, 0, 0, 0, 0,
  d.rejected_n, d.rejected_a, d.rejected_b, d.resolved_n, d.resolved_a, d.resolved_b, ${move.to}
FROM ${deltaValues(deltas)}
ORDER BY d.load_id
${ADD_UP}`;
}

function intoLoads({ schema }: OffsetPlace): string {
  return `INSERT INTO ${quoteIdent(schema)}.millrace_load AS l (sink, topic, partition, load_id, part,
  applied_n, applied_a, applied_b, inserted, updated, unchanged, superseded,
  rejected_n, rejected_a, rejected_b, resolved_n, resolved_a, resolved_b, through_offset)`;
}

/** `part` stays that of the first run. The lanes of a tally are sums modulo 2^32. */
const ADD_UP = `ON CONFLICT (sink, topic, partition, load_id) DO UPDATE SET ${[
  ...['applied', 'rejected', 'resolved'].flatMap((tally) => [
    `${tally}_n = l.${tally}_n + excluded.${tally}_n`,
    `${tally}_a = (l.${tally}_a + excluded.${tally}_a) % 4294967296`,
    `${tally}_b = (l.${tally}_b + excluded.${tally}_b) % 4294967296`,
  ]),
  ...['inserted', 'updated', 'unchanged', 'superseded'].map(
    (name) => `${name} = l.${name} + excluded.${name}`,
  ),
].join(',\n  ')},
  through_offset = excluded.through_offset, updated_at = now()`;

function deltaValues(deltas: readonly Delta[]): string {
  const rows = deltas.map(({ loadId, applied, rejected, resolved }) => {
    const numbers = [applied, rejected, resolved].flatMap(({ n, a, b }) => [n, a, b]);
    return `(${quoteText(loadId)}, ${numbers.map((number) => `${number}::bigint`).join(', ')})`;
  });
  const names = ['applied', 'rejected', 'resolved'].map((tally) => `${tally}_n, ${tally}_a, ${tally}_b`);
  return `(VALUES ${rows.join(',\n  ')}) AS d (load_id, ${names.join(', ')})`;
}

export function atPlace({ sink, topic, partition }: OffsetPlace): string {
  return `sink = ${quoteText(sink)} AND topic = ${quoteText(topic)} AND partition = ${partition}`;
}

function placeValues({ sink, topic, partition }: OffsetPlace): string {
  return `${quoteText(sink)}, ${quoteText(topic)}, ${partition}`;
}

export function selectLoads(place: OffsetPlace): string {
  return `SELECT load_id, part, applied_n, applied_a, applied_b, inserted, updated, unchanged, superseded,
  rejected_n, rejected_a, rejected_b, resolved_n, resolved_a, resolved_b, through_offset
FROM ${quoteIdent(place.schema)}.millrace_load WHERE ${atPlace(place)}`;
}

/**
 * Bisects the staged rows from left to right, each range in a subtransaction; ranges that are well stay, so that a
 * row which is bad only together with an earlier one is found. Ends by raising `MR002` with what it found as JSON,
 * which rolls all of it back. A trouble that is not of one row is raised as it is.
 */
export function probeRequest(spec: TableSpec, table: CatalogTable, limit: number): string {
  const parts = mergeParts(spec, table, ordBetween('millrace_low_', 'millrace_high_'));
  const isData = DATA_STATES.map((state) => `millrace_state_ LIKE ${quoteText(`${state}%`)}`).join(' OR ');
  return `DO $millrace$ DECLARE
  millrace_lows_ integer[]; millrace_highs_ integer[];
  millrace_low_ integer; millrace_high_ integer; millrace_middle_ integer; millrace_top_ integer;
  millrace_state_ text; millrace_message_ text; millrace_column_ text; millrace_constraint_ text;
  millrace_bad_ jsonb := '[]';
BEGIN
  -- Failed ranges give their locks back: an ALTER TABLE must not slip in between two of them.
  LOCK TABLE ${quoteTable(spec)} IN ROW EXCLUSIVE MODE;
  SET CONSTRAINTS ALL IMMEDIATE;
  SELECT ARRAY[min(millrace_ord)], ARRAY[max(millrace_ord)] INTO millrace_lows_, millrace_highs_ FROM ${STAGE};
  WHILE cardinality(millrace_lows_) > 0 AND jsonb_array_length(millrace_bad_) <= ${limit} LOOP
    millrace_top_ := cardinality(millrace_lows_);
    millrace_low_ := millrace_lows_[millrace_top_];
    millrace_high_ := millrace_highs_[millrace_top_];
    millrace_lows_ := millrace_lows_[:millrace_top_ - 1];
    millrace_highs_ := millrace_highs_[:millrace_top_ - 1];
    BEGIN
      WITH ${parts.winner}
${parts.insert};
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS millrace_state_ = RETURNED_SQLSTATE, millrace_message_ = MESSAGE_TEXT,
        millrace_column_ = COLUMN_NAME, millrace_constraint_ = CONSTRAINT_NAME;
      IF NOT (${isData}) THEN RAISE; END IF;
      IF millrace_low_ = millrace_high_ THEN
        millrace_bad_ := millrace_bad_ || jsonb_build_object('ord', millrace_low_, 'state', millrace_state_,
          'message', millrace_message_, 'column', millrace_column_, 'constraint', millrace_constraint_);
      ELSE
        millrace_middle_ := millrace_low_ + (millrace_high_ - millrace_low_) / 2;
        millrace_lows_ := millrace_lows_ || ARRAY[millrace_middle_ + 1, millrace_low_];
        millrace_highs_ := millrace_highs_ || ARRAY[millrace_high_, millrace_middle_];
      END IF;
    END;
  END LOOP;
  RAISE EXCEPTION 'probed' USING ERRCODE = '${SQLSTATE_PROBED}', DETAIL = millrace_bad_::text;
END $millrace$`;
}
