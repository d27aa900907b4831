/** What people are told about mistakes in rules: the place in the file, down to the letter. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigError } from '../../src/config/diagnostics.ts';
import { checkedDoorsPlan, type DoorsConfig } from '../fixtures/doors.ts';

/** The messages, each with the text its marks stand under. */
async function told(config: DoorsConfig): Promise<string[]> {
  try {
    await checkedDoorsPlan(config);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.diagnostics.map(({ message, path, excerpt = '' }) => {
      const [line = '', marks = ''] = excerpt.split('\n');
      return `${path}: ${message} >${line.slice(marks.indexOf('^'), marks.length)}<`;
    });
  }
  return [];
}

const rules = (...list: unknown[]) => ({ authorization: { rules: list } });

test('an unknown name is marked where it stands, at every level', async () => {
  const messages = await told({
    listener: rules("jtw.sub == 'x'"),
    policies: rules('request.path == "/"', { deny: "request.pth == '/'" }),
    backend: { named: rules({ require: 'size(1, 2) == reqest.path' }) },
  });
  assert.equal(messages.length, 3, messages.join('\n'));
  assert.match(messages[0] ?? '', /listeners\[0\]\.policies\.authorization\.rules\[0\]: .*jwt.* >jtw</);
  assert.match(messages[1] ?? '', /routes\[0\]\.policies\.authorization\.rules\[1\]: .*path.* >\.?pth</);
  assert.match(messages[2] ?? '', /^backends\[0\]\.policies\.authorization\.rules\[0\]: .* >\w+<$/);
});

test('where the text is written with escapes the whole of it is marked', async () => {
  const [message] = await told({ policies: rules('jtw.sub == "x"') });
  assert.match(message ?? '', /`jtw`.* >"jtw\.sub == \\"x\\""<$/);
});

test('what is no expression, is not there or cannot be read is told apart', async () => {
  const [syntax] = await told({ policies: rules('request.path ==') });
  assert.match(syntax ?? '', /rules\[0\]/);
  const [mcp] = await told({ policies: rules('mcp.tool.name == "x"') });
  assert.match(mcp ?? '', /mcp/);
  const [body] = await told({ policies: rules({ deny: 'size(request.body) > 1' }) });
  assert.match(body ?? '', /`request\.body` cannot be read here: bodies are streamed >request\.body</);
  const [both] = await told({ policies: rules({ allow: 'true', deny: 'true' }) });
  assert.match(both ?? '', /give one of `allow`, `deny`, `require`/);
});

test('rules that are right are not spoken of', async () => {
  assert.deepEqual(
    await told({ policies: rules('jwt.sub == "x"', { deny: 'source.address == "::1"' }) }),
    [],
  );
});
