import type { AddressSpace, Namespace, UAObject, UAVariable } from 'node-opcua-address-space';
import { DataType, DataValue, StatusCodes, VariantArrayType } from 'node-opcua-client';
import { type Historize, historizer } from './mended.ts';
import type { Plant, Reading } from './plant.ts';
import { PLANT_NAMESPACE_URI, type Quality, type TagPlan } from './tags.ts';

const STATUS = {
  good: StatusCodes.Good,
  uncertain: StatusCodes.UncertainLastUsableValue,
  bad: StatusCodes.BadSensorFailure,
} as const satisfies Record<Quality, unknown>;

const PERCENT_OR_BAR = { low: 0, high: 100 };
const LATEST = 8.64e15;

function variantOf(plan: TagPlan, reading: Reading) {
  return {
    dataType: DataType[plan.type],
    arrayType: plan.length === 0 ? VariantArrayType.Scalar : VariantArrayType.Array,
    value: reading.value,
  };
}

function dataValueOf(plan: TagPlan, reading: Reading): DataValue {
  return new DataValue({
    value: variantOf(plan, reading),
    statusCode: STATUS[reading.quality],
    sourceTimestamp: reading.time,
    serverTimestamp: reading.time,
  });
}

/** A bound that OPC UA calls "not specified" is 1601 or null. */
function boundOf(time: Date | null, otherwise: number): number {
  return time === null || time.getTime() <= -11_644_473_600_000 ? otherwise : time.getTime();
}

/** The plant's nodes in one server: folders, variables, and a way back up that a browser must not follow for ever. */
export class PlantNodes {
  readonly #space: AddressSpace;
  readonly #namespace: Namespace;
  readonly #plant: Plant;
  readonly #historize: Historize;
  readonly #folders = new Map<string, UAObject>();
  readonly #variables = new Map<string, { readonly plan: TagPlan; readonly node: UAVariable }>();

  /** @param insertedNamespaces how many others come before the plant's: its index rises by as many */
  constructor(space: AddressSpace, plant: Plant, insertedNamespaces: number) {
    for (let inserted = 1; inserted <= insertedNamespaces; inserted++)
      space.registerNamespace(`urn:millrace:simulator:inserted-${inserted}`);
    this.#space = space;
    this.#namespace = space.registerNamespace(PLANT_NAMESPACE_URI);
    this.#plant = plant;
    this.#historize = historizer(space);
    for (const plan of plant.plans) this.add(plan);
    const back = { referenceType: 'Organizes', nodeId: this.#folder('Plant').nodeId };
    this.#folder('Plant/Area-1/Line-1').addReference(back);
  }

  get namespaceIndex(): number {
    return this.#namespace.index;
  }

  add(plan: TagPlan): void {
    if (this.#variables.has(plan.id)) return;
    const slash = plan.id.lastIndexOf('/');
    const options = {
      componentOf: this.#folder(plan.id.slice(0, Math.max(0, slash)) || 'Plant'),
      nodeId: `s=${plan.id}`,
      browseName: plan.id.slice(slash + 1),
      dataType: plan.type,
      ...(plan.length === 0 ? {} : { valueRank: 1, arrayDimensions: [plan.length] }),
      minimumSamplingInterval: 0,
    };
    const node: UAVariable =
      plan.unit === undefined
        ? this.#namespace.addVariable(options)
        : this.#namespace.addAnalogDataItem({
            ...options,
            engineeringUnitsRange: PERCENT_OR_BAR,
            engineeringUnits: { displayName: plan.unit, namespaceUri: 'urn:millrace:units', unitId: -1 },
          });
    this.#variables.set(plan.id, { plan, node });
    if (plan.wave === 'sequence') this.#remember(plan, node);
    const latest = this.#plant.latest(plan.id);
    if (latest !== undefined) this.show(plan.id, latest);
  }

  remove(id: string): void {
    const known = this.#variables.get(id);
    if (known === undefined) return;
    this.#variables.delete(id);
    this.#namespace.deleteNode(known.node.nodeId);
  }

  show(id: string, reading: Reading): void {
    const known = this.#variables.get(id);
    if (known === undefined) return;
    known.node.setValueFromSource(variantOf(known.plan, reading), STATUS[reading.quality], reading.time);
  }

  #folder(path: string): UAObject {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const folder = this.#namespace.addObject({
      organizedBy: slash < 0 ? this.#space.rootFolder.objects : this.#folder(path.slice(0, slash)),
      nodeId: `s=${path}`,
      browseName: path.slice(slash + 1),
      typeDefinition: 'FolderType',
    });
    this.#folders.set(path, folder);
    return folder;
  }

  /** HistoryRead answers from what the plant remembers. */
  #remember(plan: TagPlan, node: UAVariable): void {
    this.#historize(node, {
      push: async () => undefined,
      extractDataValues: (details, limit, isReversed, reverse, callback) => {
        const from = boundOf(details.startTime, -LATEST);
        const to = boundOf(details.endTime, LATEST);
        const found = this.#plant.history(plan.id, from, to, limit || Number.MAX_SAFE_INTEGER, isReversed);
        const values = found.map((reading) => dataValueOf(plan, reading));
        callback(null, reverse ? values.reverse() : values);
      },
    });
  }
}
