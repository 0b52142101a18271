import type { ComputedField, OutputDef, Pipeline, RuleDef } from '@millrace/config';
import { COMPUTABLE_FROM, transformedFields } from '@millrace/config';
import { fieldText, joinKey } from '@millrace/contracts';
import {
  ACCEPTED,
  type FieldDef,
  type FieldValue,
  type Reason,
  type RecordValue,
  rejected,
  type Verdict,
} from '@millrace/core';
import {
  type CelContext,
  type CompiledCel,
  celProblem,
  compileCel,
  evaluationErrorCode,
  toCelConverter,
} from './cel.ts';
import { fromCel, UNFIT } from './from-cel.ts';

/** The text of some fields of a record, as they make a key. */
export type KeyOf = (record: RecordValue) => string;

export interface OutputProgram {
  readonly name: string;
  readonly fields: readonly FieldDef[];
  readonly keyOf: KeyOf;
  /** Whether none of its fields is computed: then the bytes that came may go out as they are. */
  readonly untouched: boolean;
}

/**
 * The pure part of a pipeline's transform, compiled once. One record at a time: `begin`, `judge`, `compute`, then
 * `route`; the context of the expressions is shared between them.
 */
export interface TransformProgram {
  /** Rules on the record as it came, in order; `accepted` when none decides. */
  judge(record: RecordValue): Verdict;
  /** Sets the computed fields on the record itself; null when all of them fit. */
  compute(record: RecordValue): Reason | null;
  readonly dedupeKeyOf: KeyOf | null;
  /** Computed fields that can be of any length. */
  readonly computedTexts: readonly string[];
  readonly outputs: readonly OutputProgram[];
  /** Fills `wanted` (one flag per output) and counts them; a reason when an expression fails. After `compute`. */
  route(record: RecordValue, wanted: boolean[]): number | Reason;
}

/** @throws MillraceError `config` for an expression that does not type-check */
export function compileTransform(pipeline: Pick<Pipeline, 'record' | 'transform'>): TransformProgram {
  const { record, transform } = pipeline;
  const raw: readonly FieldDef[] = record.fields;
  const after = transformedFields(pipeline);
  const rules = transform.rules.map((rule) => compileRule(rule, raw));
  const computes = compileComputes(transform.compute, raw);
  const routes = transform.outputs.map((output) => compileWhen(output, after));
  const context: CelContext = {};
  const fill = filler(raw, [
    ...rules.map((rule) => rule.cel),
    ...computes.map((one) => one.cel),
    ...routes.flatMap((route) => (route === null ? [] : [route])),
  ]);
  const computedNames = new Set(transform.compute.map((field) => field.name));
  return {
    judge(value) {
      fill(value, context);
      for (const rule of rules) {
        const verdict = rule.decide(context);
        if (verdict !== null) return verdict;
      }
      return ACCEPTED;
    },
    compute(value) {
      for (const one of computes) {
        const reason = one.apply(value, context);
        if (reason !== null) return reason;
      }
      return null;
    },
    computedTexts: transform.compute
      .filter(({ type }) => type.kind === 'string' || type.kind === 'bytes')
      .map(({ name }) => name),
    dedupeKeyOf: transform.dedupe === null ? null : keyOf(transform.dedupe.key, after),
    outputs: transform.outputs.map((output) => ({
      name: output.name,
      fields: output.fields,
      keyOf: keyOf(output.key, after),
      untouched: !output.fields.some((field) => computedNames.has(field.name)),
    })),
    route: (_value, wanted) => routeRecord(routes, transform.outputs, context, wanted),
  };
}

function routeRecord(
  routes: readonly (CompiledCel | null)[],
  outputs: readonly OutputDef[],
  context: CelContext,
  wanted: boolean[],
): number | Reason {
  let count = 0;
  for (let i = 0; i < routes.length; i += 1) {
    const cel = routes[i] ?? null;
    const wants = cel === null || truth(cel, context);
    if (typeof wants === 'string') return ruleError(`condition of output ${outputs[i]?.name}`, wants);
    wanted[i] = wants;
    if (wants) count += 1;
  }
  return count;
}

interface CompiledRule {
  readonly cel: CompiledCel;
  decide(context: CelContext): Verdict | null;
}

function compileRule(rule: RuleDef, fields: readonly FieldDef[]): CompiledRule {
  const cel = compileCondition(rule.when, fields);
  const verdict: Verdict =
    rule.action === 'filter' ? { kind: 'filtered', rule: rule.code } : rejected(rule.code, rule.message);
  return {
    cel,
    decide(context) {
      const holds = truth(cel, context);
      if (typeof holds === 'string')
        return { kind: 'rejected', reason: ruleError(`rule ${rule.code}`, holds) };
      return holds ? verdict : null;
    },
  };
}

function compileWhen(output: OutputDef, fields: readonly FieldDef[]): CompiledCel | null {
  return output.when === null ? null : compileCondition(output.when, fields);
}

function compileCondition(source: RuleDef['when'], fields: readonly FieldDef[]): CompiledCel {
  const cel = compileCel(source, fields);
  if (cel.type !== 'bool' && cel.type !== 'dyn')
    throw celProblem(source, `a condition must be a bool, this is a ${cel.type}`);
  return cel;
}

/** The value of a condition, or a word for why it has none. */
function truth(cel: CompiledCel, context: CelContext): boolean | string {
  try {
    const value = cel.evaluate(context);
    return typeof value === 'boolean' ? value : 'not_a_bool';
  } catch (error) {
    return evaluationErrorCode(error);
  }
}

function ruleError(what: string, why: string): Reason {
  return { code: 'MR-ROW-RULE-ERROR', message: `${what} could not be evaluated: ${why}` };
}

interface CompiledCompute {
  readonly cel: CompiledCel;
  apply(record: RecordValue, context: CelContext): Reason | null;
}

function compileComputes(computes: readonly ComputedField[], raw: readonly FieldDef[]): CompiledCompute[] {
  const seen = new Map(raw.map((field) => [field.name, field]));
  return computes.map((field) => {
    const cel = compileCel(field.cel, [...seen.values()]);
    const accepted = COMPUTABLE_FROM[field.type.kind];
    // As lint has it: only an optional field may be null.
    const fits = accepted.includes(cel.type) || (field.optional && cel.type === 'null');
    if (cel.type !== 'dyn' && !fits)
      throw celProblem(
        field.cel,
        `field ${field.name} is a ${field.type.kind}, its expression gives a ${cel.type}`,
      );
    const source = cel.alias === null ? undefined : seen.get(cel.alias);
    seen.set(field.name, field);
    return compileCompute(field, cel, source);
  });
}

function compileCompute(
  field: ComputedField,
  cel: CompiledCel,
  source: FieldDef | undefined,
): CompiledCompute {
  const toCel = toCelConverter(field.type);
  // A field under another name is copied as it is: through CEL a timestamp would lose its microseconds.
  const copied = source !== undefined && sameType(source, field) ? source.name : null;
  return {
    cel,
    apply(record, context) {
      let value: FieldValue | typeof UNFIT;
      try {
        value = copied === null ? fromCel(field, cel.evaluate(context)) : (record[copied] ?? null);
      } catch (error) {
        return computeError(field, `could not be computed: ${evaluationErrorCode(error)}`);
      }
      if (value === UNFIT || (value === null && !field.optional))
        return computeError(field, `cannot be held exactly as ${field.type.kind}`);
      record[field.name] = value;
      context[field.name] = toCel === null ? value : toCel(value);
      return null;
    },
  };
}

function computeError(field: FieldDef, what: string): Reason {
  return { code: 'MR-ROW-COMPUTE', message: `computed field ${field.name} ${what}`, field: field.name };
}

function sameType(x: FieldDef, y: FieldDef): boolean {
  return JSON.stringify(x.type) === JSON.stringify(y.type);
}

/** Converts only those fields that some expression reads. */
function filler(
  fields: readonly FieldDef[],
  expressions: readonly CompiledCel[],
): (record: RecordValue, context: CelContext) => void {
  const read = new Set(expressions.flatMap((cel) => cel.reads));
  const steps = fields
    .filter((field) => read.has(field.name))
    .map((field) => ({ name: field.name, convert: toCelConverter(field.type) }));
  return (record, context) => {
    for (const { name, convert } of steps) {
      const value = record[name] ?? null;
      context[name] = convert === null ? value : convert(value);
    }
  };
}

function keyOf(names: readonly string[], fields: readonly FieldDef[]): KeyOf {
  const key = names.map((name) => {
    const field = fields.find((one) => one.name === name);
    // The configuration has checked that the names exist; a key without a field would be the same for all records.
    if (field === undefined) throw new TypeError(`no field ${name}`);
    return field;
  });
  const parts: (string | null)[] = key.map(() => null);
  return (record) => {
    for (let i = 0; i < key.length; i += 1) {
      const field = key[i];
      if (field !== undefined) parts[i] = fieldText(field.type, record[field.name] ?? null);
    }
    return joinKey(parts);
  };
}
