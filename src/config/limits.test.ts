import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitions } from '../../test/golden/definitions.ts';
import { STANDARD_LIMITS } from '../core/limits.ts';
import type { SettingsPlan } from '../core/plan.ts';
import { ConfigError } from './diagnostics.ts';
import { loadConfig } from './load.ts';

function settings(text: string): SettingsPlan {
  const source = { text, file: 'config.yaml', definitions, env: {}, cwd: '/', folder: '/' };
  return loadConfig(source).settings;
}

function faults(text: string): string[] {
  try {
    settings(text);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.diagnostics.map(
        ({ line, message, hint }) => `${line}: ${message}${hint ? `; ${hint}` : ''}`,
      );
    throw error;
  }
  return [];
}

test('without a word about them limits are the standard ones', () => {
  for (const text of ['binds: []', 'config: {}\nfrontendPolicies:\n  http: {}'])
    assert.deepEqual(settings(text).limits, STANDARD_LIMITS);
});

test('a limit is set by its name, or by what the Rust gateway calls it', () => {
  const { limits } = settings(`
config:
  limits: { headerBytes: 16KiB, bodyTime: 2m, batch: 10, upstreamMessage: 33554432 }
frontendPolicies:
  http: { maxBufferSize: 2097152, http1MaxHeaders: 50, http1IdleTimeout: 10m0s }
  tls: { handshakeTimeout: 5s }
`);
  assert.deepEqual(limits, {
    ...STANDARD_LIMITS,
    headerBytes: 16 * 1024,
    bodyTime: 120_000,
    batch: 10,
    upstreamMessage: 32 * 1024 ** 2,
    requestBody: 2 * 1024 ** 2,
    headerCount: 50,
    idleConnection: 600_000,
    tlsHandshake: 5000,
  });
});

test('HTTP/2 and the age of connections are set as in the Rust gateway', () => {
  const { clientHttp } = settings(`
frontendPolicies:
  http:
    http2WindowSize: 100000
    http2ConnectionWindowSize: 200000
    http2FrameSize: 20000
    http2MaxHeaderSize: 8192
    http2KeepaliveInterval: 30s
    http2KeepaliveTimeout: 5s
    maxConnectionDuration: 1h
`);
  assert.deepEqual(clientHttp, {
    windowBytes: 100_000,
    connectionWindowBytes: 200_000,
    frameBytes: 20_000,
    http2HeaderBytes: 8192,
    pingMs: 30_000,
    pongMs: 5000,
    connectionMs: 3_600_000,
  });
});

test('what is out of bounds, of the wrong kind or said twice has a place and a reason', () => {
  const text = `config:
  limits:
    requestBody: 4MB
    batch: 0
    headersTime: 1ms
    connections: 1.5
    bodytime: 3s
frontendPolicies:
  http:
    http1MaxHeaders: 3
    http2FrameSize: 100
    http1HeaderCase: preserve
    maxBufferSize: 4096
  accessLog: {}
`;
  assert.deepEqual(faults(text), [
    '3: expected a size such as 512KiB or 4MiB, or a number of bytes',
    '4: must be from 1 to 10000',
    '5: must be from 100ms to 10m',
    '6: expected a whole number, got a number',
    '7: unknown key `bodytime`; did you mean `bodyTime`?',
    '10: must be from 10 to 2000',
    '11: must be from 16384 to 16777215',
    '12: `http1HeaderCase` is known to the Rust gateway, not supported here yet',
    '13: says the same as config.limits.requestBody',
    '14: `accessLog` is known to the Rust gateway, not supported here yet',
  ]);
});
