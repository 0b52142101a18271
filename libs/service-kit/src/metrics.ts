import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { counter, type Labels, type Meter, type MetricDef } from './meter.ts';

/** Series of one metric. What would come on top is counted instead: labels must never eat the memory. */
const SERIES_MAX = 1_000;
const DROPPED = counter('millrace_metric_series_dropped_total', 'Samples dropped: too many label values.', [
  'metric',
]);

type Instrument = Counter | Gauge | Histogram;
type LabelValues = Readonly<Record<string, string | number>>;

/** The process's metrics, made as they are first used. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #instruments = new Map<
    string,
    { readonly def: MetricDef<string>; readonly instrument: Instrument }
  >();
  readonly #series = new Map<string, Set<string>>();

  /** Node's own: heap, event loop, handles. */
  collectProcess(): void {
    collectDefaultMetrics({ register: this.#registry });
  }

  /** A meter whose samples all carry these labels. */
  meter(base: LabelValues): Meter {
    const record = <L extends string>(
      kind: MetricDef['kind'],
      metric: MetricDef<L>,
      value: number,
      labels: Labels<L> | undefined,
    ): void => this.#record(kind, metric as MetricDef<string>, value, { ...base, ...labels });
    return {
      add: (metric, value, labels) => record('counter', metric, value, labels),
      set: (metric, value, labels) => record('gauge', metric, value, labels),
      observe: (metric, value, labels) => record('histogram', metric, value, labels),
    };
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #record(kind: MetricDef['kind'], def: MetricDef<string>, value: number, labels: LabelValues): void {
    if (def.kind !== kind) throw new TypeError(`${def.name} is a ${def.kind}, not a ${kind}`);
    if (!Number.isFinite(value)) return;
    const instrument = this.#instrument(def);
    if (!this.#admits(def, labels)) return;
    if (instrument instanceof Counter) instrument.inc({ ...labels }, value);
    else if (instrument instanceof Gauge) instrument.set({ ...labels }, value);
    else instrument.observe({ ...labels }, value);
  }

  #admits(def: MetricDef<string>, labels: LabelValues): boolean {
    const series = this.#series.get(def.name) ?? new Set();
    this.#series.set(def.name, series);
    const key = JSON.stringify(Object.values(labels));
    if (series.has(key)) return true;
    if (series.size < SERIES_MAX) {
      series.add(key);
      return true;
    }
    if (def !== DROPPED) this.#record('counter', DROPPED, 1, { metric: def.name });
    return false;
  }

  #instrument(def: MetricDef<string>): Instrument {
    const existing = this.#instruments.get(def.name);
    if (existing) {
      if (existing.def.kind === def.kind) return existing.instrument;
      throw new TypeError(`${def.name} is declared twice, as ${existing.def.kind} and as ${def.kind}`);
    }
    const options = {
      name: def.name,
      help: def.help,
      labelNames: ['pipeline', 'sink', ...def.labels],
      registers: [this.#registry],
    };
    const instrument =
      def.kind === 'counter'
        ? new Counter(options)
        : def.kind === 'gauge'
          ? new Gauge(options)
          : new Histogram({ ...options, buckets: [...(def.buckets ?? [])] });
    this.#instruments.set(def.name, { def, instrument });
    return instrument;
  }
}
