/**
 * The public SDK: the gateway inside another program. Everything else in this package may change without notice.
 * `agentgateway/mcp` is for new kinds of targets, `agentgateway/testing` for tests.
 */
export type { Definitions } from './config/definitions.ts';
export { ConfigError, type Diagnostic, formatDiagnostics } from './config/diagnostics.ts';
export { type ErrorCode, type ErrorDetail, GatewayError } from './core/errors.ts';
export type { Plan } from './core/plan.ts';
export type { Clock, Env, Log, Timer } from './core/ports.ts';
export type { CallRecord, ExchangeRecord, Gauge, Signals } from './core/signals.ts';
export { createGateway, type GatewaySettings, type LoadOptions, loadConfig } from './embed.ts';
export { Gateway, type GatewayOptions, type Listening } from './gateway.ts';
export { type Additions, standard, standardWith } from './standard.ts';
export { VERSION } from './version.ts';
