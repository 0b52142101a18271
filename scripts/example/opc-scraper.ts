import { createHash, X509Certificate } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectOpcuaControl, type IssuedTag, type OpcuaControl } from '../../stack/src/index.ts';
import { everyAggregate, everySequence, newest, touchedLeft } from './opc-checks.ts';
import { type Crew, type ExamplePlan, equal, type Seen, type Site } from './plan.ts';
import { openTarget, type Target } from './target.ts';

/** Of each tag, beside the one that stood there. */
const READINGS = 80;
/** Not faster than the pipeline samples: what changes twice between two samples is seen once, as OPC UA has it. */
const UPDATE_MS = 250;

/**
 * The plant stands still until each tag has arrived once, then issues some readings of each, counted, and stands
 * still again. When the last of them are in the table the collector is told to end, which closes its load.
 */
type Phase = 'subscribing' | 'issuing' | 'arriving' | 'refreshing' | 'done';

const AWAITS: Readonly<Record<Phase, string | null>> = {
  subscribing: 'waiting for every tag to be subscribed',
  issuing: 'the plant issues readings',
  arriving: 'waiting for the last readings',
  refreshing: 'waiting for loads and aggregates',
  done: null,
};

/** Live tags of the simulated plant into `sensor_data`. */
export function opcScraper(root: string): ExamplePlan {
  return new OpcScraper(root);
}

class OpcScraper implements ExamplePlan {
  readonly name = 'opc-scraper';
  readonly folder = 'example-opc-scraper';
  readonly parts = ['kafka', 'registry', 'postgres', 'opcua'] as const;
  readonly services = ['opc-collector', 'transformer', 'timescale-sink'] as const;
  readonly expectedLoads = 1;
  readonly expectedRows = null;
  readonly pipelines: string;
  #phase: Phase = 'subscribing';
  #site: Site | undefined;
  /** What stood in the plant when the collector subscribed. */
  #before: readonly IssuedTag[] = [];
  #issued: readonly IssuedTag[] = [];

  constructor(root: string) {
    this.pipelines = join(root, 'examples', this.name);
  }

  async begin(site: Site): Promise<void> {
    this.#site = site;
    const plant = this.#plant();
    await plant.fault({ kind: 'stopUpdates' });
    await plant.fault({ kind: 'updateEvery', ms: UPDATE_MS });
    this.#before = await plant.issued();
    await trust(site.env);
  }

  awaits(): string | null {
    return AWAITS[this.#phase];
  }

  async turn({ loads }: Seen, crew: Crew): Promise<void> {
    const target = await openTarget(this.#env('DATABASE_URL'));
    try {
      this.#phase = await this.#next(target, loads, crew);
    } finally {
      await target.close();
    }
  }

  async judge(_seen: Seen, target: Target) {
    const series = (this.#site?.pipelines ?? []).flatMap(({ sinks }) =>
      sinks.flatMap((sink) => (sink.target.kind === 'timescale' ? [{ sink, ...sink.target.series }] : [])),
    );
    const aggregates = series.flatMap(({ sink, time, aggregates: all }) =>
      all.map((aggregate) => everyAggregate(target, { table: sink.table, time }, aggregate)),
    );
    return [
      await everySequence(target, this.#before, this.#issued),
      equal('buckets left to refresh', (await touchedLeft(target)) ?? Number.NaN, 0),
      ...(await inTurn(aggregates)),
    ];
  }

  async resume(crew: Crew): Promise<void> {
    await crew.begin('opc-collector');
    await this.#plant().fault({ kind: 'updateEvery', ms: 1_000 });
    await this.#plant().fault({ kind: 'heal' });
  }

  async #next(target: Target, loads: Seen['loads'], crew: Crew): Promise<Phase> {
    const plant = this.#plant();
    switch (this.#phase) {
      case 'subscribing': {
        if (!(await haveArrived(target, this.#before))) return 'subscribing';
        await plant.fault({ kind: 'heal' });
        return 'issuing';
      }
      case 'issuing': {
        const since = countOf(await plant.issued()) - countOf(this.#before);
        if (since < READINGS * this.#before.length) return 'issuing';
        await plant.fault({ kind: 'stopUpdates' });
        this.#issued = await plant.issued();
        return 'arriving';
      }
      case 'arriving': {
        if (!(await haveArrived(target, this.#issued))) return 'arriving';
        await crew.end('opc-collector');
        return 'refreshing';
      }
      default:
        // A load that is open may touch buckets still.
        if (loads.length === 0 || loads.some(({ state }) => state === 'open')) return 'refreshing';
        return (await touchedLeft(target)) === 0 ? 'done' : 'refreshing';
    }
  }

  #plant(): OpcuaControl {
    return connectOpcuaControl(this.#env('OPCUA_CONTROL_URL'));
  }

  #env(name: string): string {
    const value = this.#site?.env[name];
    if (value === undefined) throw new RangeError(`the stack does not say ${name}`);
    return value;
  }
}

function countOf(issued: readonly IssuedTag[]): number {
  return issued.reduce((sum, { count }) => sum + count, 0);
}

/** The newest reading of each tag is in the table; an older one that is not is found by the checks. */
async function haveArrived(target: Target, issued: readonly IssuedTag[]): Promise<boolean> {
  const seen = await newest(target);
  return issued.every(({ id, last }) => (seen.get(id) ?? 0) >= last);
}

async function inTurn<T>(all: readonly (() => Promise<T>)[]): Promise<T[]> {
  const results: T[] = [];
  for (const one of all) results.push(await one());
  return results;
}

/** Puts the server's certificate, which we have from its own disk, on the collector's list of those it trusts. */
async function trust(env: Readonly<Record<string, string>>): Promise<void> {
  const file = env.OPCUA_SERVER_CERT_FILE ?? '';
  const thumbprint = createHash('sha1')
    .update(new X509Certificate(await readFile(file)).raw)
    .digest('hex');
  const trusted = join(env.MILLRACE_WORK ?? '', 'pki', 'trusted', 'certs');
  await mkdir(trusted, { recursive: true });
  await copyFile(file, join(trusted, `simulator-${thumbprint}.pem`));
}
