/** The `memory` kind of target: connects a gateway under test to servers in the same process. */
import { GatewayError } from '../core/errors.ts';
import { type Connector, defineTarget, type TargetDefinition } from '../mcp/definition.ts';
import type { MemoryServer } from './memory-server.ts';
import { memorySchema } from './schema.ts';

/** Makes `memory: <name>` mean one of `servers` under `targets[]`. */
export function memoryTarget(servers: Readonly<Record<string, MemoryServer>>): TargetDefinition {
  return defineTarget<string>({
    key: 'memory',
    schema: memorySchema(Object.keys(servers)),
    identity: (name) => name,
    build: (name) => connector(name, servers[name] as MemoryServer),
  });
}

function connector(name: string, server: MemoryServer): Connector {
  return {
    lifecycle: server.lifecycle,
    resumable: true,
    takesHeaders: false,
    relates: true,
    address: `memory:${name}`,
    async open({ events }) {
      try {
        return server.connect(events);
      } catch (error) {
        throw new GatewayError('UPSTREAM_CONNECT', (error as Error).message, { cause: error });
      }
    },
    close() {},
  };
}
