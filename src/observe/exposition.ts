/**
 * Series and gauges as OpenTelemetry metric data, and that as the Prometheus text format. The SDK is imported at the
 * first use: a gateway that nobody scrapes does not pay for it. Knows nothing of what the metrics mean.
 */
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';
import type { Gauge } from '../core/signals.ts';
import type { Cell, Series } from './tally.ts';

export interface Instrument {
  /** Without the prefix; counters end in `_total`, durations in `_seconds`. */
  readonly name: string;
  readonly help: string;
  readonly series: Series;
}

type Sdk = typeof import('@opentelemetry/sdk-metrics');
type Labels = Readonly<Record<string, string>>;

const PREFIX = 'agentgateway_';

/** The text exposition format, version 0.0.4. Metrics without a value yet are left out. */
export async function exposition(
  instruments: readonly Instrument[],
  gauges: readonly Gauge[],
): Promise<string> {
  const [{ PrometheusSerializer }, sdk] = await Promise.all([
    import('@opentelemetry/exporter-prometheus'),
    import('@opentelemetry/sdk-metrics'),
  ]);
  const metrics = [
    ...instruments
      .filter(({ series }) => series.size > 0)
      .map((instrument) => instrumentData(sdk, instrument)),
    ...gaugesByName(gauges).map((same) => gaugeData(sdk, same)),
  ];
  const empty = { attributes: {} } as ResourceMetrics['resource'];
  const serializer = new PrometheusSerializer('', false, undefined, true, true);
  const text = serializer.serialize({
    resource: empty,
    scopeMetrics: [{ scope: { name: 'agentgateway' }, metrics }],
  });
  // The format wants the last line ended; the serializer leaves that out when there is nothing to tell.
  return text.endsWith('\n') ? text : `${text}\n`;
}

function instrumentData(sdk: Sdk, { name, help, series }: Instrument): MetricData {
  const cells = [...series.cells()];
  if (series.bounds.length === 0) {
    const dataPoints = cells.map((cell) => point(labelsOf(series, cell), cell.count));
    return { ...base(sdk, name, help), dataPointType: sdk.DataPointType.SUM, isMonotonic: true, dataPoints };
  }
  const boundaries = [...series.bounds];
  const dataPoints = cells.map((cell) => {
    const value = { count: cell.count, sum: cell.sum, buckets: { boundaries, counts: [...cell.buckets] } };
    return point(labelsOf(series, cell), value);
  });
  return { ...base(sdk, name, help), dataPointType: sdk.DataPointType.HISTOGRAM, dataPoints };
}

/** Two owners may report the same gauge (one per backend); the format allows a name once. */
function gaugesByName(gauges: readonly Gauge[]): Gauge[][] {
  const byName = new Map<string, Gauge[]>();
  for (const gauge of gauges) {
    const same = byName.get(gauge.name);
    if (same) same.push(gauge);
    else byName.set(gauge.name, [gauge]);
  }
  return [...byName.values()];
}

function gaugeData(sdk: Sdk, same: readonly Gauge[]): MetricData {
  const [{ name, help }] = same as [Gauge];
  const dataPoints = same.flatMap((gauge) =>
    [...gauge.read()].map(({ labels, value }) => point(labels, value)),
  );
  return { ...base(sdk, name, help), dataPointType: sdk.DataPointType.GAUGE, dataPoints };
}

function base(sdk: Sdk, name: string, help: string) {
  return {
    // The value type is a hint for push exporters; 1 is DOUBLE.
    descriptor: {
      name: name.startsWith(PREFIX) ? name : PREFIX + name,
      description: help,
      unit: '',
      valueType: 1,
    },
    aggregationTemporality: sdk.AggregationTemporality.CUMULATIVE,
  };
}

function point<T>(attributes: Labels, value: T) {
  return { startTime: START, endTime: START, attributes, value };
}

/** Times are not written: Prometheus takes the moment of the scrape. */
const START: [number, number] = [0, 0];

function labelsOf(series: Series, cell: Cell): Labels {
  return Object.fromEntries(series.labels.map((label, at) => [label, cell.values[at] ?? '']));
}
