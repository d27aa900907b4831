/**
 * The limits of all `mcp` backends as they are now: endpoints, targets and children outlive a reload, which may bring
 * others.
 */
import { LIMITS, type LimitSettings } from '../../core/limits.ts';
import type { Closable } from '../../core/scope.ts';
import type { ConnectorLimits } from '../../mcp/definition.ts';
import type { FrontLimits } from '../../mcp/fronts/options.ts';

export class LiveLimits implements FrontLimits, ConnectorLimits, Closable {
  settings: LimitSettings;
  readonly heartbeatMs = LIMITS.heartbeat.value;
  readonly retryMs = 1000;

  constructor(settings: LimitSettings) {
    this.settings = settings;
  }

  get bodyBytes(): number {
    return this.settings.requestBody;
  }

  get batch(): number {
    return this.settings.batch;
  }

  get maxQueue(): number {
    return this.settings.readerQueue;
  }

  get messageBytes(): number {
    return this.settings.upstreamMessage;
  }

  get children(): number {
    return this.settings.children;
  }

  close(): void {}
}
