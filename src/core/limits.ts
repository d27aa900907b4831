/**
 * Every limit of the gateway in one table: code takes its defaults from here, and docs/reference/limits.md is
 * generated from it. Whatever buffers, waits or counts has a row.
 */
import { AUTH_LIMITS } from './limits/auth.ts';
import { HTTP_LIMITS } from './limits/http.ts';
import type { Limit } from './limits/limit.ts';
import { MCP_LIMITS } from './limits/mcp.ts';
import { POLICY_LIMITS } from './limits/policies.ts';
import { UPSTREAM_LIMITS } from './limits/upstream.ts';

export type { Limit } from './limits/limit.ts';

export const LIMITS = {
  ...HTTP_LIMITS,
  ...MCP_LIMITS,
  ...UPSTREAM_LIMITS,
  ...AUTH_LIMITS,
  ...POLICY_LIMITS,
} as const satisfies Record<string, Limit>;

/** Rows that `config.limits` can set. */
export type SettableLimit = {
  [Name in keyof typeof LIMITS]: (typeof LIMITS)[Name] extends { readonly key: `config.limits.${Name}` }
    ? Name
    : never;
}[keyof typeof LIMITS];

/** Each of them as it is in force. */
export type LimitSettings = Readonly<Record<SettableLimit, number>>;

export const SETTABLE: readonly SettableLimit[] = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter(
  (name): name is SettableLimit => (LIMITS[name] as Limit).key === `config.limits.${name}`,
);

export const STANDARD_LIMITS = Object.fromEntries(
  SETTABLE.map((name) => [name, LIMITS[name].value]),
) as LimitSettings;
