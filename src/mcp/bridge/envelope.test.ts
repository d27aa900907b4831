import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GatewayError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { readMessage } from '../message.ts';
import { type Envelope, envelopeText, readEnvelope } from './envelope.ts';

const NAME = 'io.modelcontextprotocol/';
const VERSION = `"${NAME}protocolVersion":"2026-07-28"`;
const CAPABILITIES = `"${NAME}clientCapabilities":{ "elicitation":{} }`;

function read(params: string, padding = 0): Envelope {
  const text = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":${params},"x":"${' '.repeat(padding)}"}`;
  return readEnvelope(readMessage(Buffer.from(text)));
}

function refused(params: string, pattern: RegExp): void {
  assert.throws(
    () => read(params),
    (error) => {
      assert.ok(error instanceof GatewayError, String(error));
      assert.deepEqual([error.code, error.http], ['INVALID_PARAMS', 400]);
      assert.match(error.message, pattern);
      return true;
    },
  );
}

describe('reading', () => {
  it('gives the raw texts of objects, and strings decoded', () => {
    const info = `"${NAME}clientInfo":{"name":"a","n":1.00}`;
    const level = `"${NAME}logLevel":"warning"`;
    const envelope = read(`{"_meta":{"x":1,${[VERSION, CAPABILITIES, info, level].join(',')}}}`);
    assert.equal(envelope.version, '2026-07-28');
    assert.equal(envelope.capabilities.toString(), '{ "elicitation":{} }');
    assert.equal(envelope.info?.toString(), '{"name":"a","n":1.00}');
    assert.equal(envelope.logLevel, 'warning');
  });

  it('needs neither information about the client nor a log level', () => {
    const { info, logLevel } = read(`{"_meta":{${VERSION},${CAPABILITIES}}}`);
    assert.deepEqual([info, logLevel], [undefined, undefined]);
  });

  it('names every member that is missing or wrong', () => {
    for (const params of ['{}', '{"_meta":{}}', '{"_meta":null}', '[]'])
      refused(params, /protocolVersion" must be a string; .*clientCapabilities" must be an object$/);
    refused(`{"_meta":{${CAPABILITIES}}}`, /_meta, "[^"]+protocolVersion" must be a string$/);
    refused(`{"_meta":{${VERSION}}}`, /_meta, "[^"]+clientCapabilities" must be an object$/);
    refused(
      `{"_meta":{${VERSION},${CAPABILITIES},"${NAME}clientInfo":"a"}}`,
      /clientInfo" must be an object$/,
    );
    for (const level of ['"loud"', '5', 'null', '""', '"constructor"'])
      refused(
        `{"_meta":{${VERSION},${CAPABILITIES},"${NAME}logLevel":${level}}}`,
        /logLevel" must be one of debug/,
      );
  });

  it('refuses a member that is longer than the limit', () => {
    const long = 'x'.repeat(LIMITS.clientIdentity.value);
    refused(
      `{"_meta":{"${NAME}protocolVersion":"${long}",${CAPABILITIES}}}`,
      /protocolVersion" is longer than/,
    );
    refused(
      `{"_meta":{${VERSION},"${NAME}clientCapabilities":{"a":"${long}"}}}`,
      /clientCapabilities" is longer/,
    );
  });

  it('does not hold on to a large message', () => {
    const { capabilities } = read(`{"_meta":{${VERSION},${CAPABILITIES}}}`, 1_000_000);
    assert.equal(capabilities.toString(), '{ "elicitation":{} }');
    assert.ok(capabilities.buffer.byteLength < 100_000);
  });
});

describe('writing', () => {
  it('gives back what was read', () => {
    const meta = `${VERSION},${CAPABILITIES},"${NAME}clientInfo":{"name":"é"},"${NAME}logLevel":"debug"`;
    assert.equal(envelopeText(read(`{"_meta":{${meta}}}`)).toString(), meta);
    assert.equal(
      envelopeText(read(`{"_meta":{${VERSION},${CAPABILITIES}}}`)).toString(),
      `${VERSION},${CAPABILITIES}`,
    );
  });

  it('makes the text of one envelope once', () => {
    const envelope = read(`{"_meta":{${VERSION},${CAPABILITIES}}}`);
    assert.equal(envelopeText(envelope), envelopeText(envelope));
  });
});
