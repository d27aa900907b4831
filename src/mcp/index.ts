/**
 * The `agentgateway/mcp` export: what a new kind of target implements. Add the definition with `standardWith`, and its
 * key can be written under `targets[]`.
 */
export type { Closable, Scope } from '../core/scope.ts';
export type { Cancel } from '../lib/cancel.ts';
export {
  type Connector,
  type ConnectorDeps,
  defineTarget,
  type OpenOptions,
  type Outgoing,
  type TargetDefinition,
  type Wire,
  type WireEvents,
} from './definition.ts';
