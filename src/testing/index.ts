/** The `agentgateway/testing` export: what tests of a gateway, a policy or a target need. */
export { FakeClock } from './fake-clock.ts';
export {
  type MemoryPrompt,
  type MemoryResource,
  MemoryServer,
  type MemoryServerOptions,
  type MemoryTool,
  memoryServer,
} from './memory-server.ts';
export { memoryTarget } from './memory-target.ts';
export type { MemoryContext } from './memory-wire.ts';
export { type TestGateway, type TestGatewayOptions, testGateway } from './test-gateway.ts';
