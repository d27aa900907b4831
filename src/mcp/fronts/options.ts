/** What every front of an endpoint is given. */
import type { Ports } from '../../core/ports.ts';
import type { Endpoint } from '../endpoint.ts';
import type { ReplayBudget } from '../sessions/replay.ts';
import type { Heart } from './heart.ts';

export interface FrontOptions {
  readonly endpoint: Endpoint;
  readonly ports: Ports;
  readonly budget: ReplayBudget;
  readonly limits: FrontLimits;
}

/** What the HTTP fronts of one endpoint share beside it. */
export interface FrontParts extends FrontOptions {
  readonly heart: Heart;
}

export interface FrontLimits extends StreamLimits {
  readonly bodyBytes: number;
  readonly batch: number;
}

export interface StreamLimits {
  readonly heartbeatMs: number;
  /** Bytes that may wait for a slow reader. */
  readonly maxQueue: number;
  /** What a resuming client is told to wait before it reconnects. */
  readonly retryMs: number;
}
