/** Connections to upstreams, and the processes of local servers. */
import { GIB, KIB, type Limit, MIB, MINUTE, SECOND } from './limit.ts';

export const UPSTREAM_LIMITS = {
  upstreamConnections: {
    value: 256,
    unit: 'count',
    error: undefined,
    what: 'Connections to one upstream for calls; further calls wait for one. Event streams and tunnels have their own.',
  },
  upstreamHeaderBytes: {
    value: 64 * KIB,
    unit: 'bytes',
    error: 'UPSTREAM_PROTOCOL',
    what: "All headers of one upstream's reply.",
  },
  // The same as upstreamSilence: where the two differ, undici makes a timer for the head and one for the body of each
  // answer and keeps both for a second, which costs a call more than its JSON.
  upstreamHead: {
    value: 15 * MINUTE,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Time an upstream has for the head of its reply, where nothing shorter applies.',
  },
  upstreamSilence: {
    value: 15 * MINUTE,
    unit: 'ms',
    error: 'UPSTREAM_TIMEOUT',
    what: 'Pause in the body of a reply after which it is given up; event streams may be silent for ever.',
  },
  upstreamMessage: {
    value: 16 * MIB,
    unit: 'bytes',
    error: 'UPSTREAM_MESSAGE_TOO_LARGE',
    what: 'One message from an upstream server.',
    key: 'config.limits.upstreamMessage',
    range: [1 * KIB, 1 * GIB],
  },
  forwardOrigins: {
    value: 1_000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Servers that one `dynamic` backend is connected to; the one not used for longest makes room, unless all are in use.',
  },
  forwardIdle: {
    value: 60 * SECOND,
    unit: 'ms',
    error: undefined,
    what: 'Time without a request after which such a server is forgotten, with its connections.',
  },
  forwardLookups: {
    value: 64,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Names that are being resolved for one `dynamic` backend at a time; the same name counts once.',
  },
  tunnels: {
    value: 10_000,
    unit: 'count',
    error: 'OVERLOADED',
    what: 'Tunnels (CONNECT) of one `dynamic` backend.',
    key: 'config.limits.tunnels',
    range: [1, 1_000_000],
  },
  replayedBody: {
    value: 64 * KIB,
    unit: 'bytes',
    error: undefined,
    what: 'Body that is kept to be sent again, by `retry` or where an upstream refuses credentials of the gateway; a longer one, or one of unknown length, is sent once.',
  },
  children: {
    value: 256,
    unit: 'count',
    error: 'PROCESS_LIMIT',
    what: 'Child processes at the same time.',
    key: 'config.limits.children',
    range: [1, 100_000],
  },
  childInput: {
    value: 32 * MIB,
    unit: 'bytes',
    error: 'UPSTREAM_CLOSED',
    what: 'Messages waiting for a child process that does not read its standard input.',
  },
} as const satisfies Record<string, Limit>;
