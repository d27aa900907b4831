import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callOver, openedLink } from '../../../test/fixtures/scripted-link.ts';
import type { ConnectorScript, Received } from '../../../test/fixtures/scripted-wire.ts';
import { settled } from '../../../test/fixtures/test-ports.ts';
import { GatewayError } from '../../core/errors.ts';
import { ownRequest, sendLevel, sendPing, sendSubscribe, sendUnsubscribe } from './own-calls.ts';

const MODERN: ConnectorScript = { speaks: ['modern'], tools: [{ name: 'a' }] };
/** Over HTTP an answer's stream can be closed; a child is told. */
const HTTP: ConnectorScript = { ...MODERN, cancelsByClosing: true };
const STDIO: ConnectorScript = { ...MODERN, relates: false };

const modern = (script: ConnectorScript) => openedLink(script, { era: 'modern' });
const gone = new GatewayError('CANCELLED', 'not wanted');
const refusal = (upstreamStatus: number): GatewayError =>
  new GatewayError('UPSTREAM_STATUS', `HTTP ${upstreamStatus}: no`, { data: { upstreamStatus } });

describe('a modern link', () => {
  it('speaks for whoever opened it', async () => {
    const { wire, envelope, link } = await modern(HTTP);
    assert.equal(link.era, 'modern');
    assert.deepEqual(wire.of('server/discover')[0]?.params['_meta'], {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
      'io.modelcontextprotocol/clientInfo': { name: 't' },
    });
    assert.deepEqual([envelope?.version, envelope?.logLevel], ['2026-07-28', undefined]);
  });

  it('cancels a call by closing its stream where that says it, else by a notification', async () => {
    for (const [script, told] of [
      [HTTP, 0],
      [STDIO, 1],
    ] as const) {
      const { wire, link } = await modern(script);
      const call = callOver(link, 'a');
      const { outgoing } = await wire.next('tools/call');
      call.cancel.cancel(gone);
      await settled();
      assert.equal(call.state, 'CANCELLED');
      assert.equal(outgoing.cancel?.reason, gone);
      assert.equal(wire.of('notifications/cancelled').length, told);
    }
  });

  it('passes on that an answer may be silent for ever', async () => {
    const { wire, link } = await modern(HTTP);
    callOver(link, 'a', { long: true });
    callOver(link, 'a');
    await settled();
    assert.deepEqual(
      wire.of('tools/call').map(({ outgoing }) => outgoing.long),
      [true, false],
    );
  });

  it('takes no requests of the server: a child is told so, over HTTP nothing can be told', async () => {
    for (const method of ['sampling/createMessage', 'ping']) {
      const child = await modern(STDIO);
      child.wire.say({ id: 9, method, params: {} });
      await settled();
      assert.deepEqual(child.wire.of('').at(-1)?.message['error'], {
        code: -32601,
        message: 'a client of revision 2026-07-28 takes no requests',
      });
      const http = await modern(HTTP);
      const call = callOver(http.link, 'a');
      const { id } = await http.wire.next('tools/call');
      http.wire.say({ id: 9, method, params: {} }, Number(id));
      await settled();
      assert.deepEqual([http.wire.of(''), call.peer.asked, http.outside.asked], [[], [], []]);
    }
  });
});

describe('a server that no longer speaks the modern revision', () => {
  const refusals: [string, (received: Received) => void, RegExp][] = [
    ['by its error', ({ wire, id }) => wire.error(id, -32022, 'no'), /refused the revision 2026-07-28/],
    ...[400, 404, 405, 406, 415].map((status): (typeof refusals)[number] => [
      `by ${status}`,
      ({ wire, id }) => wire.end(Number(id), refusal(status)),
      new RegExp(`HTTP ${status}: no`),
    ]),
  ];

  for (const [how, refuse, message] of refusals) {
    it(`has done nothing with the call it refuses ${how}, and its target hears of it`, async () => {
      const lost: string[] = [];
      const opened = await openedLink(HTTP, { era: 'modern', eraLost: () => void lost.push('era') });
      const call = callOver(opened.link, 'a');
      refuse(await opened.wire.next('tools/call'));
      await settled();
      assert.deepEqual([call.state, lost], ['UPSTREAM_SESSION_LOST', ['era']]);
      await assert.rejects(call.outcome, message);
    });
  }

  it('is not found in other refusals, other eras, or a subscription that is refused', async () => {
    const lost: string[] = [];
    const eraLost = (): void => void lost.push('era');
    const opened = await openedLink(HTTP, { era: 'modern', eraLost });
    const failing = callOver(opened.link, 'a');
    opened.wire.end(Number((await opened.wire.next('tools/call')).id), refusal(503));
    const erring = callOver(opened.link, 'a');
    opened.wire.error((await opened.wire.next('tools/call')).id, -32602, 'about -32022');
    const listening = callOver(opened.link, 'a', { long: true });
    opened.wire.end(Number((await opened.wire.next('tools/call')).id), refusal(404));
    const legacy = await openedLink({ ...HTTP, speaks: ['legacy'] }, { eraLost });
    const older = callOver(legacy.link, 'a');
    legacy.wire.end(Number((await legacy.wire.next('tools/call')).id), refusal(404));
    await settled();
    assert.deepEqual(
      [failing, erring, listening, older].map(({ state }) => state.split(' ')[0]),
      ['UPSTREAM_STATUS', 'error', 'UPSTREAM_STATUS', 'UPSTREAM_STATUS'],
    );
    assert.deepEqual(lost, []);
  });
});

describe("the gateway's own requests", () => {
  it('say whom they speak for on a modern link, beside what they ask', async () => {
    const opened = await modern(HTTP);
    void ownRequest(opened, 'tools/list', { params: Buffer.from('{"cursor":"c"}') });
    const { params } = await opened.wire.next('tools/list');
    assert.deepEqual(Object.keys(params), ['_meta', 'cursor']);
    assert.equal(params['cursor'], 'c');
    void ownRequest(opened, 'tools/list');
    assert.deepEqual(Object.keys((await opened.wire.next('tools/list')).params), ['_meta']);
  });

  it('stay as they are on a legacy link', async () => {
    const opened = await openedLink({ tools: [] });
    void ownRequest(opened, 'tools/list', { params: Buffer.from('{"cursor":"c"}') });
    assert.deepEqual((await opened.wire.next('tools/list')).params, { cursor: 'c' });
    void ownRequest(opened, 'tools/list');
    assert.equal('params' in (await opened.wire.next('tools/list')).message, false);
  });

  it('about levels and resources are made on legacy links alone, and a level only where there is logging', async () => {
    const sent = async (script: ConnectorScript, era: 'legacy' | 'modern'): Promise<string[]> => {
      const opened = await openedLink(script, { era });
      const before = opened.wire.received.length;
      await Promise.all([
        sendLevel(opened, 'info'),
        sendSubscribe(opened, 'file:///"a'),
        sendUnsubscribe(opened, 'file:///"a'),
        sendPing(opened, ['authorization', 'new']),
      ]);
      return opened.wire.received.slice(before).map(({ method, params, outgoing }) => {
        const said = params['level'] ?? params['uri'] ?? outgoing.client?.[1];
        return `${method} ${said}`;
      });
    };
    const logging = { capabilities: { logging: {} } };
    const resources = ['resources/subscribe file:///"a', 'resources/unsubscribe file:///"a', 'ping new'];
    assert.deepEqual(await sent(logging, 'legacy'), ['logging/setLevel info', ...resources]);
    assert.deepEqual(await sent({}, 'legacy'), resources);
    assert.deepEqual(await sent({ ...MODERN, ...logging }, 'modern'), ['server/discover new']);
  });
});
