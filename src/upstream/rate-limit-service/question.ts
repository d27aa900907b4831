/** A question to Envoy's rate limit service and its answer, as plain data; protocol.ts knows how they travel. */

export const CODE = { ok: 1, overLimit: 2 } as const;

export const UNITS = { second: 1, minute: 2, hour: 3, day: 4, month: 5, year: 6 } as const;
export type Unit = keyof typeof UNITS;

export interface RateLimitRequest {
  readonly domain: string;
  readonly descriptors: readonly {
    readonly entries: readonly { readonly key: string; readonly value: string }[];
    readonly limit?: { readonly requestsPerUnit: number; readonly unit: number };
    readonly hitsAddend?: { readonly value: bigint };
  }[];
}

export interface RateLimitResponse {
  readonly overallCode: number;
  readonly statuses: readonly {
    readonly code: number;
    readonly currentLimit?: { readonly requestsPerUnit: number };
    readonly limitRemaining: number;
    readonly durationUntilReset?: { readonly seconds: bigint; readonly nanos: number };
  }[];
  readonly responseHeadersToAdd: readonly HeaderValue[];
  readonly requestHeadersToAdd: readonly HeaderValue[];
  readonly rawBody: Uint8Array;
}

export interface HeaderValue {
  readonly key: string;
  readonly value: string;
  readonly rawValue: Uint8Array;
}
