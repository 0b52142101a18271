import { expect, test } from 'vitest';
import { type RunningService, superviseServices } from './services.ts';

type Ending = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/** A process that ends when it is told to. */
function service(pid: number): RunningService & { end(ending: Ending): void } {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const stop = (): Promise<Ending> => {
    resolve({ code: 0, signal: null });
    return promise;
  };
  const identity = { pid, startTime: '0' };
  return {
    name: 'transformer',
    logFile: 'transformer.log',
    // What is looked at of a ServerProcess, and no more.
    process: { name: 'transformer', identity, exited: promise, running: true, stop } as never,
    end: resolve,
  };
}

test('a killed service is started again, one that was stopped is not', async () => {
  const [first, second] = [service(1), service(2)];
  const said: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const say = (line: string): void => {
    said.push(line);
    resolve();
  };
  const services = superviseServices(
    [first],
    () => Promise.resolve(second),
    say,
    () => 0,
  );
  first.end({ code: null, signal: 'SIGKILL' });
  await promise;
  expect(said).toEqual(['transformer (pid 1) ended with SIGKILL; started again as pid 2']);
  expect(services.running).toEqual([second]);
  await services.stop();
  expect(said).toHaveLength(1);
  expect(services.givenUp).toBeUndefined();
});

test('one that ends again and again is given up', async () => {
  let started = 0;
  const { promise, resolve } = Promise.withResolvers<string>();
  const failing = (): RunningService => {
    const one = service(++started);
    one.end({ code: 1, signal: null });
    return one;
  };
  const say = (line: string): void => {
    if (line.includes('not started again')) resolve(line);
  };
  const services = superviseServices(
    [failing()],
    () => Promise.resolve(failing()),
    say,
    () => 0,
  );
  expect(await promise).toBe(
    'transformer (pid 6) ended with 1, and is not started again; see transformer.log',
  );
  expect(services.givenUp?.name).toBe('transformer');
  await services.stop();
});

test('one that was told to end stays down until it is told to begin', async () => {
  const [first, second] = [service(1), service(2)];
  let started = 0;
  const said: string[] = [];
  const services = superviseServices(
    [first],
    () => {
      started += 1;
      return Promise.resolve(second);
    },
    (line) => said.push(line),
    () => 0,
  );
  await services.end('transformer');
  expect([started, said]).toEqual([0, []]);
  await services.begin('transformer');
  expect(services.running).toEqual([second]);
  await services.begin('transformer');
  expect(started).toBe(1);
  await services.stop();
  expect(said).toEqual([]);
});
