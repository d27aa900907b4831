/**
 * The single steps back from what came through the gateway to what the other side said: each takes exactly one
 * difference out, and touches nothing when the difference is not just that.
 */
import type { Era } from '../../src/mcp/revisions.ts';
import { erasOf, type Way } from './case.ts';
import { IDENTITY, modernHeaders } from './client.ts';
import type { Context } from './difference.ts';
import { SDK_SERVER, SERVER } from './identity.ts';
import { compact, entries, member, replaced, without } from './members.ts';
import type { Mismatch } from './outcome.ts';
import {
  GATEWAY,
  inMeta,
  metaIsEmpty,
  metaMember,
  onTexts,
  REVISION,
  type Step,
  utf8,
  when,
  withoutTasks,
} from './steps.ts';

const PREFIX = 'io.modelcontextprotocol/';
const ENVELOPE = ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel'].map(
  (name) => PREFIX + name,
);
const SERVER_INFO = `${PREFIX}serverInfo`;
const SUBSCRIPTION = `${PREFIX}subscriptionId`;

export const whiteSpace: Step = onTexts('', ({ direct, through }) =>
  compact(direct) === compact(through) ? { through: direct } : {},
);

export const requestIds: Step = when('received id', ({ through }) => /^[1-9]\d*$/.test(through ?? ''));

/** The request's own id, in place of the client's token. */
export const progressTokens: Step = onTexts('received params', ({ direct, through }, { pairing }) => {
  const token = metaMember(direct, 'progressToken');
  const id = pairing.through.get('received id');
  if (token === undefined || metaMember(through, 'progressToken') !== id) return {};
  return { through: inMeta(through, (meta) => replaced(meta, 'progressToken', token)) };
});

/** Without members of `_meta`, and without a `_meta` that is empty then. */
function withoutMeta(object: string, names: readonly string[]): string {
  const left = inMeta(object, (meta) => names.reduce(without, meta));
  return metaIsEmpty(left) ? without(left, '_meta') : left;
}

export const envelopeOut: Step = onTexts('received params', ({ direct }) => ({
  direct: withoutMeta(direct, ENVELOPE),
}));

/** `info` until the client has said another level with `logging/setLevel`. */
export const envelopeIn: Step = onTexts('received params', ({ direct, through }) => {
  const said = ENVELOPE.map((name) => metaMember(through, name));
  const wanted = ['"2026-07-28"', withoutTasks(IDENTITY.capabilities, 'modern'), IDENTITY.info];
  if (wanted.some((text, index) => text !== said[index])) return {};
  if (said[3] !== '"info"' && said[3] !== '"debug"') return {};
  const left = inMeta(through, (meta) => ENVELOPE.reduce(without, meta));
  return {
    through: metaIsEmpty(left) && member(direct, '_meta') === undefined ? without(left, '_meta') : left,
  };
});

export const sessionId: Step = when('header mcp-session-id', ({ direct, through }, { place }) => {
  const there = erasOf(place.pair);
  const given = (era: Era, id: string | undefined) => (id !== undefined) === (era === 'legacy');
  return given(there.client, direct) && given(there.server, through);
});

export const versionHeader: Step = when('header mcp-protocol-version', ({ direct, through }, { place }) => {
  const { client, server } = erasOf(place.pair);
  return direct === REVISION[client] && through === REVISION[server];
});

/** Just the headers that a modern client would have sent. */
export const repeatedInHeaders: Step = when('header mcp-', ({ label, direct, through }, { one, place }) => {
  const name = label.slice('header '.length);
  if (!/^mcp-(?:method|name|param-.+)$/.test(name)) return false;
  const wanted = modernHeaders(one)[name];
  const there = erasOf(place.pair).client === 'modern' ? [direct, through] : [through, direct];
  return there[0] === wanted && there[1] === undefined;
});

const RESULTS = /^(?:result|page \d+ without entries)$/;

function onResults(
  step: (texts: { direct: string; through: string }, context: Context) => Partial<Mismatch>,
): Step {
  const inner = onTexts('', step);
  return (mismatch, context) => (RESULTS.test(mismatch.label) ? inner(mismatch, context) : mismatch);
}

export const typeIn: Step = onResults(({ direct, through }) =>
  member(direct, 'resultType') === undefined && through.startsWith('{"resultType":"complete"')
    ? { through: without(through, 'resultType') }
    : {},
);

export const typeOut: Step = onResults(({ direct, through }) =>
  member(direct, 'resultType') === '"complete"' && member(through, 'resultType') === undefined
    ? { direct: without(direct, 'resultType') }
    : {},
);

export const cachingIn: Step = onResults(({ direct, through }) => {
  const put = '{"ttlMs":0,"cacheScope":"private"';
  if (member(direct, 'ttlMs') !== undefined || !through.startsWith(put)) return {};
  return { through: without(without(through, 'ttlMs'), 'cacheScope') };
});

/** What a single server, or the one of several that answers, calls itself. */
const SERVERS: Readonly<Record<Way, string>> = {
  http: SERVER,
  sse: SERVER,
  stdio: SERVER,
  merged: SERVER,
  sdk: SDK_SERVER,
};

/** The server's own words about itself, in front of what else `_meta` holds. */
export const serverInfoIn: Step = onResults(({ direct, through }, { place }) => {
  const before = metaMember(direct, SERVER_INFO);
  if (before !== undefined || metaMember(through, SERVER_INFO) !== SERVERS[place.way]) return {};
  const left = inMeta(through, (meta) => without(meta, SERVER_INFO));
  return {
    through: member(direct, '_meta') === undefined && metaIsEmpty(left) ? without(left, '_meta') : left,
  };
});

const NOT_FOUND = { legacy: '-32002', modern: '-32602' } as const;

export const notFound: Step = onTexts('error', ({ direct, through }, { place }) => {
  const { client, server } = erasOf(place.pair);
  const code = NOT_FOUND[server];
  if (member(direct, 'code') !== code || member(through, 'code') !== NOT_FOUND[client]) return {};
  return { through: replaced(through, 'code', code) };
});

/** An unknown method; every other error of ours is in the body alone. */
export const errorStatus: Step = when('status', ({ direct, through }, { pairing, place }) => {
  const there = erasOf(place.pair).client === 'modern' ? [direct, through] : [through, direct];
  const code = member(pairing.through.get('error') ?? '{}', 'code');
  return code === '-32601' && there[0] === '200' && there[1] === '404';
});

export const sealedState: Step = onTexts('round', ({ direct, through }) => {
  const [theirs, ours] = [member(direct, 'requestState'), member(through, 'requestState')];
  if (theirs === undefined || ours === undefined || !SEALED.test(ours)) return {};
  return { through: replaced(through, 'requestState', theirs) };
});

const SEALED = /^"[\w-]{40,}"$/;

export const respelledState: Step = onTexts('heard state', ({ direct, through }) =>
  JSON.parse(utf8(direct)) === JSON.parse(utf8(through)) ? { through: direct } : {},
);

/** The questions themselves are compared one by one. */
export const roundsAsRequests: Step = when(
  'round',
  ({ direct, through }) => direct !== undefined && through === undefined,
);

/** Nothing but the server's requests under keys of the gateway, a state and who the server is. */
export const requestsAsRounds: Step = when('round', ({ through }, { pairing, place }) => {
  if (through === undefined) return false;
  const asked = entries(member(through, 'inputRequests') ?? '{}');
  const first = Number(asked[0]?.[0].slice(1)) - 1;
  const requests = asked.map((_, index) => {
    const question = pairing.direct.get(`question ${first + index}`) ?? ' ';
    const method = question.slice(0, question.indexOf(' '));
    return `"q${first + index + 1}":{"method":${method},"params":${paramsOf(question)}}`;
  });
  const state = member(through, 'requestState') ?? '';
  const whole =
    `{"resultType":"input_required","inputRequests":{${requests.join(',')}},"requestState":${state},` +
    `"_meta":{"${SERVER_INFO}":`;
  const server = through.slice(whole.length, -2);
  const known = place.way === 'merged' ? GATEWAY.test(server) : server === SERVERS[place.way];
  return SEALED.test(state) && through === `${whole}${server}}}` && known;
});

export const elicitationId: Step = onTexts('question', ({ direct, through }) => {
  const [theirs, ours] = [paramsOf(direct), paramsOf(through)];
  const id = member(ours, 'elicitationId');
  if (member(theirs, 'mode') !== '"url"' || member(theirs, 'elicitationId') !== undefined || id === undefined)
    return {};
  return { through: through.replace(ours, () => without(ours, 'elicitationId')) };
});

/** A question without params is asked with empty ones. */
export const noParams: Step = when(
  'question',
  ({ direct, through }) =>
    direct?.endsWith(' none') === true && through === `${direct.slice(0, -'none'.length)}{}`,
);

function paramsOf(question: string): string {
  const text = question.slice(question.indexOf(' ') + 1);
  return text === 'none' ? '{}' : text;
}

/** On the side of the older era there is none; the newer one may have it at any place. */
export const subscriptionId: Step = onTexts('event', ({ direct, through }, { place }) => {
  const { client, server } = erasOf(place.pair);
  return {
    direct: server === 'modern' ? withoutTag(direct) : direct,
    through: client === 'modern' ? withoutTag(through) : through,
  };
});

function withoutTag(event: string): string {
  const params = member(event, 'params');
  return params === undefined ? event : replaced(event, 'params', withoutMeta(params, [SUBSCRIPTION]));
}

const UNKNOWN = '"notifications/x"';

export const unknownEvents: Step = (mismatch, context) => {
  const [index] = /\d+$/.exec(mismatch.label) ?? [];
  const event = context.pairing.direct.get(`event ${index}`);
  if (event === undefined || member(event, 'method') !== UNKNOWN) return mismatch;
  const { client } = erasOf(context.place.pair);
  const meant = client === 'modern' ? mismatch.through === undefined : mismatch.through === 'listening';
  return meant ? { ...mismatch, through: mismatch.direct } : mismatch;
};

const ROOTS = 'notifications/roots/list_changed';

export const clientNotifications: Step = when('noted', ({ through }, { one, place }) => {
  const { client, server } = erasOf(place.pair);
  const unknown = client === 'modern' || place.way === 'merged';
  return through === undefined && (one.method === ROOTS ? server === 'modern' : unknown);
});

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

export const unwantedLogs: Step = (mismatch, { one, pairing }) => {
  const [index] = /\d+$/.exec(mismatch.label) ?? [];
  const event = pairing.direct.get(`event ${index}`);
  if (event === undefined || member(event, 'method') !== '"notifications/message"') return mismatch;
  const level = LEVELS.indexOf(
    JSON.parse(member(member(event, 'params') ?? '{}', 'level') ?? '""') as string,
  );
  const wanted = one.logLevel === undefined ? LEVELS.length : LEVELS.indexOf(one.logLevel);
  return mismatch.through === undefined && level < wanted
    ? { ...mismatch, through: mismatch.direct }
    : mismatch;
};

const GONE = ['ping', 'logging/setLevel', 'resources/subscribe', 'resources/unsubscribe'];

/** The gateway's whole answer is an empty result. */
export const goneMethods: Step = when(
  '',
  (_, { one, pairing }) =>
    GONE.includes(one.method) &&
    pairing.through.get('result') === '{}' &&
    pairing.through.get('status') === '200',
);

const LIST_CHANGED =
  /^\{"jsonrpc":"2\.0","method":"notifications\/(?:tools|prompts|resources)\/list_changed"(?:,"params":\{\})?\}$/;

export const listChanges: Step = onTexts('event', ({ direct, through }) => {
  const method = member(direct, 'method');
  return LIST_CHANGED.test(through) && member(through, 'method') === method ? { through: direct } : {};
});
