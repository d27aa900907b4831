import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memberOf } from '../../../test/fixtures/scripted-session.ts';
import { scriptedTarget } from '../../../test/fixtures/scripted-target.ts';
import { testExchange } from '../../../test/fixtures/test-exchange.ts';
import { GatewayError } from '../../core/errors.ts';
import type { HeaderMapping, UpstreamCredentials } from '../../core/outgoing.ts';
import { View } from '../view/view.ts';
import { type ClientContext, mappedBy, shownBy } from './shown.ts';

const TOKEN = ['authorization', 'Bearer of-the-client'];
const target = (name: string) => scriptedTarget({ takesHeaders: true }, { name }).target;

const user: HeaderMapping = {
  key: 'user',
  names: ['x-user'],
  map: ({ principal }) => {
    if (principal === undefined) throw new GatewayError('FORBIDDEN', 'nobody has logged in');
    return ['x-user', principal];
  },
};

function credentials(personal: boolean): UpstreamCredentials {
  const nothing = () => undefined;
  const names = ['authorization'];
  return {
    key: 'k',
    personal,
    names,
    ready: nothing,
    fetch: () => Promise.resolve([]),
    refused: () => false,
  };
}

function viewOf(...members: Parameters<typeof memberOf>[]): View {
  const plans = members.map(([each, more]) => memberOf(each, more));
  return new View({
    members: plans,
    prefixMode: 'conditional',
    failureMode: 'failClosed',
    nameLimit: 64,
  });
}

function clientOf(principal: string, view: View): ClientContext {
  const exchange = testExchange({});
  if (principal !== '') exchange.principal = principal;
  return { principal, headers: TOKEN, mapped: mappedBy(view, exchange) };
}

test('a single server is shown the login of the client; of several none is', () => {
  const [one, two] = [target('one'), target('two')];
  const alone = viewOf([one]);
  const among = viewOf([one], [two]);
  assert.deepEqual(shownBy(alone, clientOf('', alone)).headersFor(one), TOKEN);
  assert.deepEqual(shownBy(among, clientOf('', among)).headersFor(one), []);
});

test('what the gateway sets itself, the client does not', () => {
  const one = target('one');
  const view = viewOf([one, { outgoing: { mapping: undefined, credentials: credentials(false) } }]);
  assert.deepEqual(shownBy(view, clientOf('', view)).headersFor(one), []);
});

test('whoever makes headers is told for which target', () => {
  const told: unknown[] = [];
  const map = (_: unknown, name?: string) => {
    told.push(name);
    return [];
  };
  const mapping: HeaderMapping = { key: 'k', names: [], map };
  const plan = { outgoing: { mapping, credentials: undefined } };
  mappedBy(viewOf([target('one'), plan], [target('two'), plan]), testExchange({}));
  assert.deepEqual(told, ['one', 'two']);
});

test('each target is shown what its own policies make of the request', () => {
  const [one, two] = [target('one'), target('two')];
  const view = viewOf([one, { outgoing: { mapping: user, credentials: undefined } }], [two]);
  const shown = shownBy(view, clientOf('alice', view));
  assert.deepEqual(shown.headersFor(one), ['x-user', 'alice']);
  assert.deepEqual(shown.headersFor(two), []);
  assert.notEqual(shown.readerOf(one), shownBy(view, clientOf('bob', view)).readerOf(one));
  assert.equal(shown.readerOf(one), shownBy(view, clientOf('alice', view)).readerOf(one));
  assert.equal(shown.readerOf(two), '');
});

test('where the headers cannot be made, that target is denied and no other', () => {
  const [one, two] = [target('one'), target('two')];
  const view = viewOf([one, { outgoing: { mapping: user, credentials: undefined } }], [two]);
  const shown = shownBy(view, clientOf('', view));
  assert.throws(() => shown.headersFor(one), { code: 'FORBIDDEN' });
  assert.equal(shown.denies(one), true);
  assert.equal(shown.denies(two), false);
});

test('with personal credentials every client reads lists of its own', () => {
  const one = target('one');
  const view = viewOf([one, { outgoing: { mapping: undefined, credentials: credentials(true) } }]);
  const [alice, bob] = [shownBy(view, clientOf('alice', view)), shownBy(view, clientOf('bob', view))];
  assert.equal(alice.owner, 'alice');
  assert.equal(alice.speaksTo(one), true);
  assert.notEqual(alice.readerOf(one), bob.readerOf(one));
});

test('after a change of what is shown nothing is, until the client comes again', () => {
  const one = target('one');
  const view = viewOf([one]);
  const shown = shownBy(view, clientOf('alice', view));
  assert.deepEqual(shown.seenBy(view), [one]);
  assert.deepEqual(shown.withdraw().headersFor(one), []);
  assert.equal(shown.withdraw().owner, 'alice');
});
