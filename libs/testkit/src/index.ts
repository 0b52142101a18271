export { FakeClock } from './fake-clock.ts';
export { freePort, type TempDir, tempDir } from './places.ts';
export { createProxy, type FaultProxy, type ProxyTarget } from './proxy.ts';
export {
  type LogLine,
  type Service,
  type ServiceExit,
  type ServiceOptions,
  spawnService,
} from './service.ts';
export { type WaitOptions, waitFor } from './wait-for.ts';
