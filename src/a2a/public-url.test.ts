import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Mount, publicUrl } from './public-url.ts';

const CARD = '/.well-known/agent-card.json';

function mount(more: Partial<Mount> = {}): Mount {
  return { base: 'https://gw.example', asked: CARD, sent: CARD, mount: '', serves: () => true, ...more };
}

test('an address keeps its path and query', () => {
  assert.equal(publicUrl('http://agent:9999/a2a/v1?x=1', mount()), 'https://gw.example/a2a/v1?x=1');
  assert.equal(publicUrl('http://agent:9999/', mount()), 'https://gw.example/');
  assert.equal(publicUrl('http://agent:9999', mount()), 'https://gw.example');
  assert.equal(publicUrl('http://user:pass@agent/a', mount()), 'https://gw.example/a');
  assert.equal(publicUrl('/a2a', mount()), 'https://gw.example/a2a');
  assert.equal(publicUrl('//agent/a2a', mount()), 'https://gw.example/a2a');
});

test('an agent that does not know the prefix before it gets it', () => {
  const below = mount({ mount: '/agents/x', serves: (path) => path.startsWith('/agents/x') });
  assert.equal(publicUrl('http://agent/', below), 'https://gw.example/agents/x/');
  assert.equal(publicUrl('http://agent/rpc', below), 'https://gw.example/agents/x/rpc');
  assert.equal(publicUrl('http://agent/agents/x/rpc', below), 'https://gw.example/agents/x/rpc');
});

test('a path that was rewritten on its way is written back', () => {
  const below = mount({ asked: `/agents/x${CARD}`, sent: `/inner/y${CARD}`, mount: '/agents/x' });
  assert.equal(publicUrl('http://agent/inner/y/rpc', below), 'https://gw.example/agents/x/rpc');
  assert.equal(publicUrl('http://agent/inner/y', below), 'https://gw.example/agents/x');
  const toRoot = { ...below, sent: CARD };
  assert.equal(publicUrl('http://agent/rpc', toRoot), 'https://gw.example/agents/x/rpc');
  assert.equal(publicUrl('http://agent', toRoot), 'https://gw.example/agents/x/');
});

test('a path that no route leads to becomes the agent’s own place', () => {
  const nowhere = mount({ mount: '/agents/x', serves: () => false });
  assert.equal(publicUrl('http://agent/rpc', nowhere), 'https://gw.example/agents/x');
  const byCall = mount({
    asked: '/agents/x/rpc',
    sent: '/agents/x/rpc',
    mount: undefined,
    serves: () => false,
  });
  assert.equal(publicUrl('http://agent/elsewhere', byCall), 'https://gw.example/agents/x/rpc');
  assert.equal(publicUrl('http://agent/rpc', mount({ serves: () => false })), 'https://gw.example/rpc');
});

test('what leads to the gateway already stays, and gRPC has host and port alone', () => {
  const prefixed = mount({ base: 'https://gw.example/pre' });
  assert.equal(publicUrl('https://gw.example/pre/rpc', prefixed), 'https://gw.example/pre/rpc');
  assert.equal(publicUrl('https://gw.example/prefix', prefixed), 'https://gw.example/pre/prefix');
  for (const url of ['agent:50051', 'dns:///agent:50051', 'grpcs://agent', '', 'not a url'])
    assert.equal(publicUrl(url, mount()), 'gw.example:443', url);
  assert.equal(publicUrl('agent:1', mount({ base: 'http://127.0.0.1:3000' })), '127.0.0.1:3000');
});
