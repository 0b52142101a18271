import type { AggregateColumn, AggregateDef, SinkColumn, SinkDef, TimeSeriesDef } from '../model.ts';
import type { SinkShape } from '../shape/pipeline.ts';
import type { Path } from '../source-text/yaml-file.ts';
import { suggestion } from '../suggest.ts';
import { type CompileContext, checkNames } from './context.ts';

const DAY = 86_400_000;
type FieldColumn = SinkColumn & { readonly kind: 'field' };

/** Which database a sink names: exactly one. */
export function compileTargetKind(
  ctx: CompileContext,
  path: Path,
  shape: SinkShape,
): 'postgres' | 'timescale' {
  if ((shape.postgres === undefined) === (shape.timescale === undefined)) {
    const message = shape.postgres
      ? 'A sink writes to one database.'
      : 'Nothing says where the sink writes to.';
    const remedy = "Write 'postgres: { url: … }' or 'timescale: { url: … }'.";
    ctx.report.keyError(path, shape.postgres ? 'MR-CONFIG-TARGET' : 'MR-CONFIG-MISSING', message, remedy);
  }
  if (shape.timescale !== undefined) return 'timescale';
  for (const key of ['time', 'chunk', 'retention', 'aggregates'] as const) {
    if (shape[key] === undefined || shape.postgres === undefined) continue;
    const message = `'${key}' is for a timescale sink.`;
    ctx.report.keyError(
      [...path, key],
      'MR-CONFIG-TARGET',
      message,
      "Write 'timescale:' instead of 'postgres:'.",
    );
  }
  return 'postgres';
}

/** What makes the table a series in time. */
export function compileSeries(
  ctx: CompileContext,
  path: Path,
  shape: SinkShape,
  table: Pick<SinkDef, 'columns' | 'write' | 'table'>,
): TimeSeriesDef {
  const columns = table.columns.filter((column) => column.kind === 'field');
  const retention = shape.retention;
  if (retention && retention.rows === undefined && retention.age === undefined) {
    const message = "'retention' names no bound.";
    ctx.report.keyError([...path, 'retention'], 'MR-CONFIG-MISSING', message, "Write 'rows', 'age' or both.");
  }
  const aggregates = Object.entries(shape.aggregates ?? {}).map(([name, one]) =>
    compileAggregate(ctx, [...path, 'aggregates', name], name, one, table.table, columns),
  );
  if (retention) checkWidths(ctx, path, aggregates);
  return {
    time: compileTime(ctx, path, shape, table.write, columns),
    chunkMs: shape.chunk ?? DAY,
    retention: retention
      ? { rows: retention.rows ?? null, ageMs: retention.age ?? null, everyMs: retention.every }
      : null,
    aggregates,
  };
}

function compileTime(
  ctx: CompileContext,
  path: Path,
  shape: SinkShape,
  write: SinkDef['write'],
  columns: readonly FieldColumn[],
): string {
  const { time } = shape;
  if (time === undefined) {
    const message = 'Nothing says which column holds the time.';
    ctx.report.keyError(path, 'MR-CONFIG-MISSING', message, "Write 'time: ' and a column.");
    return '';
  }
  const at = [...path, 'time'];
  const column = columns.find((one) => one.name === time);
  if (!column) {
    if (Object.hasOwn(shape.columns ?? {}, time)) return time;
    const remedy = suggestion(
      time,
      columns.map((one) => one.name),
    );
    ctx.report.error(at, 'MR-CONFIG-UNKNOWN-COLUMN', `There is no column '${time}' here.`, remedy);
    return time;
  }
  if (column.type.kind !== 'timestamp' || column.optional) {
    const message = column.optional
      ? `The column '${time}' can be null.`
      : `The column '${time}' is no timestamp.`;
    const remedy = 'Name a column of a timestamp field that is never null.';
    ctx.report.error(at, 'MR-CONFIG-TIME-COLUMN', message, remedy);
  }
  if (write.mode === 'merge' && !write.key.includes(time)) {
    const message = `The time column '${time}' is not part of the merge key: a hypertable has no such unique index.`;
    ctx.report.error([...path, 'merge', 'key'], 'MR-CONFIG-MERGE-KEY', message, `Add ${time} to the key.`);
  }
  return time;
}

/** Retention drops whole buckets of every aggregate: there has to be a place where none is cut in two. */
function checkWidths(ctx: CompileContext, path: Path, aggregates: readonly AggregateDef[]): void {
  const sorted = [...aggregates].sort((a, b) => a.overMs - b.overMs);
  sorted.forEach(({ name, overMs }, i) => {
    const narrower = sorted[i - 1];
    if (narrower === undefined || overMs % narrower.overMs === 0) return;
    const message = `With 'retention', the widths of aggregates must be multiples of each other: that of '${name}' is none of '${narrower.name}'.`;
    ctx.report.error(
      [...path, 'aggregates', name, 'over'],
      'MR-CONFIG-AGGREGATE',
      message,
      'Choose another width.',
    );
  });
}

type AggregateShape = NonNullable<SinkShape['aggregates']>[string];

function compileAggregate(
  ctx: CompileContext,
  path: Path,
  name: string,
  shape: AggregateShape,
  table: string,
  columns: readonly FieldColumn[],
): AggregateDef {
  if (!/^[^\s"'`;.\0]{1,50}$/.test(name) || name === table || /^millrace_/i.test(name)) {
    const message = `'${name}' cannot be the name of an aggregate.`;
    const remedy =
      'Write at most 50 characters without quotes, blanks and dots; another name than the table has.';
    ctx.report.keyError(path, 'MR-CONFIG-NAME', message, remedy);
  }
  checkNames(
    ctx,
    [...path, 'by'],
    shape.by,
    columns.map((column) => column.name),
    'column',
  );
  const select = Object.entries(shape.select).flatMap(([column, expression]) =>
    compileSelect(ctx, [...path, 'select', column], column, expression, shape.by, columns),
  );
  if (Object.keys(shape.select).length === 0) {
    ctx.report.keyError(
      [...path, 'select'],
      'MR-CONFIG-MISSING',
      'It has no columns.',
      'Write at least one.',
    );
  }
  return {
    name,
    everyMs: shape.every,
    overMs: shape.over,
    by: shape.by,
    select,
    retentionMs: shape.retention ?? null,
  };
}

const NUMBERS = ['int32', 'int64', 'float64', 'decimal'];
const ORDERED = [...NUMBERS, 'timestamp', 'date', 'string'];
/** The functions there are, and what each takes. */
const FUNCTIONS: Readonly<Record<AggregateColumn['fn'], readonly string[] | null>> = {
  avg: NUMBERS,
  sum: NUMBERS,
  min: ORDERED,
  max: ORDERED,
  count: null,
  first: null,
  last: null,
};

function compileSelect(
  ctx: CompileContext,
  path: Path,
  name: string,
  expression: string,
  by: readonly string[],
  columns: readonly FieldColumn[],
): readonly AggregateColumn[] {
  if (!/^[^"'`;\0]{1,63}$/.test(name) || name === 'bucket' || by.includes(name) || /^millrace_/i.test(name)) {
    const remedy = "Write a column name other than 'bucket' and those of 'by', without quotes.";
    ctx.report.keyError(path, 'MR-CONFIG-NAME', `'${name}' cannot be a column here.`, remedy);
  }
  const [, fn = '', of = ''] = /^([a-z]+)\(\s*(.+?)\s*\)$/.exec(expression) ?? [];
  if (!isFunction(fn) || (of === '*' && fn !== 'count')) {
    const remedy = `Write one of ${Object.keys(FUNCTIONS).join(', ')} with a column: avg(value); or count(*).`;
    ctx.report.error(path, 'MR-CONFIG-AGGREGATE', `'${expression}' is no aggregate.`, remedy);
    return [];
  }
  if (of === '*') return [{ name, fn, of: null }];
  const column = columns.find((one) => one.name === of);
  if (!column) {
    const remedy = suggestion(
      of,
      columns.map((one) => one.name),
    );
    ctx.report.error(path, 'MR-CONFIG-UNKNOWN-COLUMN', `There is no column '${of}' here.`, remedy);
    return [];
  }
  if (FUNCTIONS[fn]?.includes(column.type.kind) === false) {
    const message = `'${expression}': ${fn} does not take a ${column.type.kind}.`;
    ctx.report.error(
      path,
      'MR-CONFIG-AGGREGATE',
      message,
      'Write count, first or last, or name another column.',
    );
  }
  return [{ name, fn, of }];
}

function isFunction(name: string): name is AggregateColumn['fn'] {
  return Object.hasOwn(FUNCTIONS, name);
}
