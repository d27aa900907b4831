import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redirectAllowed } from './redirects.ts';

const LISTED = ['https://app.test/callback', 'cursor://app/oauth'];

test('addresses of the own machine and listed ones are allowed', () => {
  for (const uri of [
    'http://localhost/callback',
    'http://localhost:33418/',
    'http://127.0.0.1:1234/oauth/callback',
    'http://[::1]:1234/cb',
    'http://localhost:1234',
    ...LISTED,
  ])
    assert.equal(redirectAllowed(uri, LISTED), true, uri);
});

test('nothing else is, however it looks', () => {
  for (const uri of [
    undefined,
    '',
    7,
    ['http://localhost/'],
    'https://evil.test/callback',
    'https://app.test/callback/',
    'https://app.test/callback?x=1',
    'https://app.test:443/callback',
    'HTTPS://app.test/callback',
    'http://localhost.evil.test/',
    'http://localhost@evil.test/',
    'http://localhost:80@evil.test/',
    'http://evil.test/?http://localhost/',
    'http://localhost\\@evil.test/',
    'http://127.0.0.1.evil.test/',
    'http://127.1/',
    'http://2130706433/',
    'http://0.0.0.0/',
    'http://localhost/#fragment',
    'http://localhost/\r\nX: y',
    'http://localhost:999999/',
    '//localhost/',
    'javascript:alert(1)//http://localhost/',
    'data:text/html,x',
    'cursor://app/oauth/other',
    ' http://localhost/',
    'http://localhost/ ',
    'http://LOCALHOST%2eevil.test/',
  ])
    assert.equal(redirectAllowed(uri, LISTED), false, String(uri));
});
