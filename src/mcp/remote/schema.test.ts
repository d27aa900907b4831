import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remoteUrl } from './schema.ts';

test('an endpoint is a URL, a name with a port, or both apart', () => {
  for (const [config, expected] of [
    [{ host: 'https://example.com/mcp' }, 'https://example.com/mcp'],
    [{ host: 'localhost:8080' }, 'http://localhost:8080/standard'],
    [{ host: 'localhost:8080', path: '/v1' }, 'http://localhost:8080/v1'],
    [{ host: '[::1]:8080' }, 'http://[::1]:8080/standard'],
    [{ host: 'localhost', port: 8080 }, 'http://localhost:8080/standard'],
  ] as const)
    assert.equal(String(remoteUrl(config, '/standard')), expected);
});

test('what is no endpoint is refused with a reason', () => {
  for (const [config, reason] of [
    [{ host: 'localhost' }, /expected a full URL/],
    [{ host: '::1' }, /expected a full URL/],
    [{ host: 'user@localhost:80' }, /expected a full URL/],
    [{ host: 'localhost:8080', port: 8080 }, /give it once/],
    [{ host: 'localhost:99999' }, /expected an http/],
    [{ host: 'ftp://localhost' }, /expected an http/],
    [{ host: 'http://localhost', port: 80 }, /give the port inside it/],
    [{ host: 'http://localhost', path: '/a' }, /give the path inside it/],
  ] as const) {
    const found = remoteUrl(config, '/standard');
    assert.ok(typeof found === 'string', JSON.stringify(config));
    assert.match(found, reason);
  }
});
