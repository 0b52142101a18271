/** A metric, declared once as data. Names as Prometheus wants them: `millrace_<what>_<unit>[_total]`. */
export interface MetricDef<L extends string = never> {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  /** Label names beside `pipeline` and `sink`, which are set by themselves. Values must come from a bounded set. */
  readonly labels: readonly L[];
  readonly buckets?: readonly number[];
}

export type Labels<L extends string> = { readonly [K in L]: string | number };

/** What an event's `metrics` writes to. */
export interface Meter {
  /** Adds to a counter. */
  add<L extends string>(metric: MetricDef<L>, value: number, labels?: Labels<L>): void;
  /** Sets a gauge. */
  set<L extends string>(metric: MetricDef<L>, value: number, labels?: Labels<L>): void;
  /** Observes a histogram's value. */
  observe<L extends string>(metric: MetricDef<L>, value: number, labels?: Labels<L>): void;
}

export function counter<L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): MetricDef<L> {
  return { kind: 'counter', name, help, labels };
}

export function gauge<L extends string = never>(
  name: string,
  help: string,
  labels: readonly L[] = [],
): MetricDef<L> {
  return { kind: 'gauge', name, help, labels };
}

export function histogram<L extends string = never>(
  name: string,
  help: string,
  buckets: readonly number[],
  labels: readonly L[] = [],
): MetricDef<L> {
  return { kind: 'histogram', name, help, labels, buckets };
}
