/** A small set of definitions for tests of the configuration, so that they do not change with what ships. */
import { z } from 'zod';
import { mcpSchema } from '../../src/backends/mcp/schema.ts';
import type { Definitions } from '../../src/config/definitions.ts';
import { policySetSchema } from '../../src/config/policies.ts';
import { type BackendDefinition, defineBackend } from '../../src/core/backend.ts';
import { definePolicy } from '../../src/core/policy.ts';
import { durationSchema } from '../../src/core/schema.ts';
import { defineTarget } from '../../src/mcp/definition.ts';
import { remoteSchema } from '../../src/mcp/remote/schema.ts';
import { stdioSchema } from '../../src/targets/stdio/schema.ts';

const unused = (): never => {
  throw new Error('these definitions are never built');
};

const policies = [
  definePolicy({
    key: 'cors',
    phase: 'edge',
    attach: ['listener', 'route'],
    schema: z.strictObject({
      allowOrigins: z.array(z.string()).default([]),
      allowCredentials: z.boolean().default(false),
      maxAge: durationSchema.optional(),
    }),
    build: unused,
  }),
  definePolicy({
    key: 'backendTLS',
    phase: 'transform',
    attach: ['route', 'backend', 'target', 'tcpRoute'],
    schema: z.strictObject({ hostname: z.string().optional() }),
    build: unused,
  }),
];

const kinds = [
  defineTarget({ key: 'stdio', schema: stdioSchema, identity: unused, build: unused }),
  defineTarget({ key: 'mcp', schema: remoteSchema, identity: unused, build: unused }),
  defineTarget({ key: 'sse', schema: remoteSchema, identity: unused, build: unused }),
];

const backends: BackendDefinition[] = [
  defineBackend({ key: 'mcp', schema: mcpSchema(kinds, policySetSchema(policies, 'target')), build: unused }),
  defineBackend({ key: 'host', schema: z.string().min(1), build: unused, dialer: unused }),
];

export const definitions: Definitions = { policies, backends };
