// What of node-opcua-server 2.186.4 has to behave otherwise for a simulator. All of it reaches into parts that are
// private there, so the tests of stack/test/opcua.test.ts watch each; look here first when the version is raised.
import type { AddressSpace, UAVariable } from 'node-opcua-address-space';
import { AccessLevelFlag, AttributeIds, StatusCode } from 'node-opcua-client';
import {
  MonitoredItem,
  type ServerSession,
  type ServerSidePublishEngine,
  type Subscription,
} from 'node-opcua-server';

interface Item {
  samplingInterval: number;
  _exceptionBased: boolean;
}

interface WithStatus {
  value?: { statusCode: StatusCode };
}

interface Engine {
  _publish_request_queue: unknown[];
  _on_PublishRequest: ServerSidePublishEngine['_on_PublishRequest'];
}

/** Sampling faster than this is revised to it. The library's own floor is 50. */
export const FASTEST_MS = 10;
MonitoredItem.minimumSamplingInterval = FASTEST_MS;

// The original asserts that an overflowing reading is good, and throws into whoever writes the tag.
Object.assign(MonitoredItem.prototype, {
  _setOverflowBit(notification: WithStatus) {
    if (notification.value === undefined) return;
    const { statusCode } = notification.value;
    notification.value.statusCode = StatusCode.makeStatusCode(statusCode, 'Overflow | InfoTypeDataValue');
  },
});

/**
 * Whoever samples at least as often as the plant updates gets each reading, once. Two timers of the same length would
 * drift over each other: readings are lost and repeated, and no test could count them.
 */
export function deliverEachReading(subscription: Subscription, updateMs: () => number): void {
  subscription.on('monitoredItem', (item: MonitoredItem) => {
    if (
      item.itemToMonitor.attributeId !== AttributeIds.Value ||
      item.samplingInterval > Math.max(updateMs(), FASTEST_MS)
    )
      return;
    const open = item as unknown as Item;
    open._exceptionBased = true;
    open.samplingInterval = 0;
  });
}

type Historian = Exclude<
  Exclude<Parameters<AddressSpace['installHistoricalDataNode']>[1], undefined>['historian'],
  undefined
>;

/** Lets HistoryRead of a variable be answered by a historian, which keeps its readings itself. */
export type Historize = (node: UAVariable, historian: Historian) => void;

const HISTORY_METHODS = [
  '_historyRead',
  '_historyReadRaw',
  '_historyReadRawAsync',
  '_historyReadRawModify',
  '_historyReadModify',
] as const;

/**
 * The library gives each variable a configuration object of ten nodes, which takes longer than all else where there
 * are thousands. Here only the first has one, and the others its methods.
 */
export function historizer(space: AddressSpace): Historize {
  let first: UAVariable | undefined;
  return (node, historian) => {
    if (first === undefined) {
      first = node;
      space.installHistoricalDataNode(node, { historian });
      // Its listener would only cost a promise for each reading.
      node.removeAllListeners();
      return;
    }
    const template = first as unknown as Record<string, unknown>;
    Object.assign(node, Object.fromEntries(HISTORY_METHODS.map((name) => [name, template[name]])), {
      varHistorian: historian,
      historizing: true,
      accessLevel: node.accessLevel | AccessLevelFlag.CurrentRead | AccessLevelFlag.HistoryRead,
    });
  };
}

/** Keeps back the Publish requests of sessions, so that they are neither answered nor refused. */
export class PublishGate {
  readonly #held: (() => void)[] = [];
  #closed = false;

  watch(session: ServerSession): void {
    const engine = session.publishEngine as unknown as Engine;
    const original = engine._on_PublishRequest.bind(engine);
    engine._on_PublishRequest = (request, callback) => {
      const pass = () => original(request, callback);
      if (this.#closed) this.#held.push(pass);
      else pass();
    };
  }

  close(sessions: readonly ServerSession[]): void {
    this.#closed = true;
    for (const session of sessions) {
      const engine = session.publishEngine as unknown as Engine;
      const waiting = engine._publish_request_queue;
      engine._publish_request_queue = [];
      this.#held.push(() => engine._publish_request_queue.push(...waiting));
    }
  }

  open(): void {
    this.#closed = false;
    for (const pass of this.#held.splice(0)) pass();
  }
}
