/**
 * Where the gateway means to be another proxy than nginx (1.22, with its defaults). An entry that nothing shows any more
 * fails the test, as does a difference that stands in no entry.
 */
import type { Difference } from './side-by-side.ts';

export interface Intended {
  readonly reason: string;
  readonly where: (difference: Difference) => boolean;
}

const field = (name: string, of: Partial<Difference> = {}): Intended['where'] => {
  const wanted = Object.entries({ field: name, ...of });
  return (one) => wanted.every(([key, value]) => one[key as keyof Difference] === value);
};
const header = (side: 'request' | 'reply', ...names: string[]): Intended['where'] => {
  const fields = new Set(names.map((name) => `${side}.header ${name}`));
  return (one) => fields.has(one.field);
};
/** We refuse what nginx serves, with this status. */
const refused = (status: number, target: RegExp): Intended['where'] => {
  return ({ case: name, field: what, ours, nginx }) =>
    target.test(name) &&
    (what === 'reached'
      ? ours === '0' && nginx === '1'
      : what === 'reply.status' && ours === String(status) && nginx !== String(status));
};
const answered = (status: number, answer: RegExp): Intended['where'] => {
  return ({ case: name, field: what, ours }) =>
    answer.test(name) && what === 'reply.status' && ours === String(status);
};

export const INTENDED: readonly Intended[] = [
  // Each says of its own connections what it likes.
  { reason: "Connection is this hop's own (RFC 9110 7.6.1)", where: header('request', 'connection') },
  { reason: 'likewise; node announces its time', where: header('reply', 'connection', 'keep-alive') },
  {
    reason: "the gateway puts no Server in the place of the origin's (RFC 9110 7.7: a proxy must not)",
    where: header('reply', 'server'),
  },
  {
    reason: 'nor another Date (RFC 9110 6.6.1: the origin made the message)',
    where: header('reply', 'date'),
  },

  // What of a request nginx passes on, or does not.
  {
    reason: 'what Connection names ends here (RFC 9110 7.6.1: a proxy must remove it)',
    where: header('request', 'x-hop', 'x-other', 'http2-settings'),
  },
  {
    reason: 'of one connection, though no longer registered (RFC 9110 7.6.1)',
    where: header('request', 'proxy-connection'),
  },
  {
    reason: 'for this proxy, not for the next (RFC 9110 11.7.2)',
    where: header('request', 'proxy-authorization'),
  },
  { reason: 'gRPC servers insist on "TE: trailers" (RFC 9110 10.1.4)', where: header('request', 'te') },
  {
    reason: 'trailers of requests end here (RFC 9110 6.5.1 allows it), so none are promised',
    where: header('request', 'trailer'),
  },
  {
    reason: 'one Cookie header, whatever HTTP version split them (RFC 9113 8.2.3, RFC 6265 5.4)',
    where: header('request', 'cookie'),
  },
  {
    reason:
      'every token is a name (RFC 9110 5.1); nginx drops what has more than letters, digits and hyphens',
    where: ({ field: what, nginx }) => nginx === '-' && /^request\.header .*[^a-z0-9-]/.test(what.slice(0)),
  },
  {
    reason: 'authorities are compared without case (RFC 3986 3.2.2), and with their port',
    where: header('request', 'x-forwarded-host'),
  },
  {
    reason:
      'a length of zero is said by methods that give content a meaning, and by no others (RFC 9110 8.6)',
    where: ({ field: what, ours, nginx }) =>
      (what === 'request.header content-length' && [ours, nginx].sort().join() === '-,0') ||
      (what === 'request.framing' && [ours, nginx].sort().join() === 'length,none'),
  },
  { reason: 'nginx refuses TRACE; the gateway leaves it to the server', where: caseIs('method TRACE') },

  // What the gateway refuses.
  {
    reason: "node's parser knows the registered methods alone",
    where: refused(400, /^method FOO$/),
  },
  {
    reason: 'a path that two readers understand differently is not routed (docs/guides/http.md)',
    where: refused(
      400,
      /(?:^target |\b[A-Z-]+ )\S*(?:%2[fF]|%5[cC]|\/\/|\/\.\.?(?:\/|\?|"| )|\\|%[2-7][0-9a-fA-F]|[\x80-\xff])/,
    ),
  },
  { reason: 'a fragment is no part of a target (RFC 9112 3.2)', where: refused(400, /^target .*#/) },
  { reason: 'of the whole targets those with http and https', where: refused(400, /^target "ftp:/) },
  {
    reason: 'on a loopback listener the host has to be this machine',
    where: refused(403, /host of others|without a host|host that is empty/),
  },
  {
    reason: 'the versions that are spelled so are 1.0 and 1.1',
    where: (one) => refused(400, /^version (?:1\.2|0\.9)$/)(one) || answered(400, /^version 2\.0$/)(one),
  },
  {
    reason: 'a line ends with both its characters (RFC 9112 2.2 lets a reader insist)',
    where: refused(400, /^bare line feeds$/),
  },

  // What of a reply nginx passes on, or does not.
  {
    reason: 'the reason phrase means nothing (RFC 9112 4): node writes the usual one',
    where: ({ field: what, ours, nginx }) =>
      what === 'reply.first' && ours.split(' ')[1] === nginx.split(' ')[1],
  },
  {
    reason: 'what Connection names ends here, as do headers of one connection',
    where: header('reply', 'x-hop', 'proxy-connection', 'proxy-authenticate'),
  },
  {
    reason: 'orders for nginx alone; to others they are headers like any other',
    where: header('reply', 'x-accel-limit-rate', 'x-accel-expires'),
  },
  {
    reason: 'a short body that has come whole is sent with its length',
    where: (one) =>
      field('reply.framing', { ours: 'length', nginx: 'chunked' })(one) ||
      header('reply', 'content-length', 'transfer-encoding')(one),
  },
  {
    reason: 'trailers of replies come through (RFC 9110 6.5.1)',
    where: field('reply.trailers', { nginx: '[]' }),
  },
  {
    reason: 'and are not announced: a body of known length could not keep it',
    where: header('reply', 'trailer'),
  },
  {
    reason: 'informational replies end here; nginx takes them for the reply',
    where: ({ field: what, ours }) => what === 'reply.interim' && (ours === '' || ours === '100'),
  },

  // Upstreams that break the rules.
  {
    reason: 'undici takes no 100 that was not asked for',
    where: answered(502, /that it goes on/),
  },
  {
    reason: 'a reply whose end two readers see in two places is none (RFC 9112 6.3)',
    where: answered(502, /a length and chunks|two lengths|the same length twice|a length that is none/),
  },
  {
    reason: 'nor is one with other line ends, or none at all',
    where: answered(502, /bare line feeds|no HTTP/),
  },
  {
    reason: 'nor a change of protocol that nobody asked for (RFC 9110 15.2.2)',
    where: answered(502, /a protocol nobody asked for/),
  },
  {
    reason: 'a safe request is sent once more where the connection went away under it (RFC 9110 9.2.2)',
    where: field('reached', { ours: '2', nginx: '1' }),
  },
];

function caseIs(name: string): Intended['where'] {
  return (one) => one.case === name;
}
