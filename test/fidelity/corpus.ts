/** Odd but legal JSON: what gets lost when a proxy parses and writes again. Texts, so that spellings survive. */

const MIB = 1 << 20;

/** Values by what is odd about them. */
export const oddValues: Readonly<Record<string, string>> = {
  'empty string': '""',
  'empty object': '{}',
  'empty array': '[]',
  null: 'null',
  false: 'false',
  unicode: '"żółć 漢字 🏳️‍🌈 e\u0301 \u00e9 \u200f\u202e"',
  'line separators': '"a\u2028b\u2029c\u0085d"',
  escapes: '"\\u0041\\/\\b\\f\\n\\r\\t\\"\\\\\\u00e9\\u2028"',
  'escaped NUL': '"a\\u0000b"',
  'escaped pair': '"\\ud83d\\ude00"',
  'lone surrogate, escaped': '"\\ud800 and \\udfff"',
  'upper case escapes': '"\\u00E9\\u00FF"',
  'big integer': '12345678901234567890123',
  'beyond 2^53': '9007199254740993',
  'decimal with zero': '1.0',
  'trailing zeros': '0.1000',
  'negative zero': '-0',
  exponents: '[1e5,1E5,1e+5,1E-07,0e0]',
  'beyond double': '[1e400,-1e400,1e-400]',
  'many digits': '0.1234567890123456789012345678901234567890',
  'key order': '{"z":1,"a":2,"10":3,"2":4,"__proto__":5,"constructor":6}',
  'empty key': '{"":1," ":2}',
  'escaped keys': '{"\\u0061":1,"a\\u0000":2,"\\n":3}',
  'keys of envelopes': '{"jsonrpc":"1.0","id":77,"method":"x","params":{},"result":{},"error":{"code":1}}',
  'JSON inside a string': '"{\\"jsonrpc\\":\\"2.0\\",\\"id\\":1,\\"result\\":{}}"',
  'brackets inside a string': '"]}{[,:\\"}"',
  'deep nesting': `${'['.repeat(100)}${'{"a":'.repeat(10)}1${'}'.repeat(10)}${']'.repeat(100)}`,
  'wide array': `[${Array.from({ length: 2_000 }, (_, index) => index).join(',')}]`,
  '1 MiB string': `"${'0123456789abcdef'.repeat(MIB / 16)}"`,
  '1 MiB of escapes': `"${'\\u00e9'.repeat(MIB / 6)}"`,
  'binary as base64': `"${Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256)).toString('base64')}"`,
  'CRLF escaped': '"data: x\\r\\n\\r\\nevent: message\\r\\ndata: {}"',
};

/** Whole results of `tools/call`, by what is odd about them. */
export const oddResults: Readonly<Record<string, string>> = {
  'no content': '{"content":[]}',
  'content missing': '{}',
  'unknown members everywhere':
    '{"x-top":{"deep":[1.0]},"content":[{"type":"text","text":"t","x-block":true,"annotations":{"audience":["user"],"priority":0.50,"x-hint":null},"_meta":{"x/y":"z"}}],"isError":false,"_meta":{"vendor.example/trace":{"n":1e2},"":0}}',
  'unknown content types':
    '{"content":[{"type":"video","frames":[1,2]},{"type":"","x":1},{"type":"text","text":""},{"type":7}]}',
  'every known content type':
    '{"content":[{"type":"text","text":"t"},{"type":"image","data":"AAECAw==","mimeType":"image/png"},{"type":"audio","data":"","mimeType":"audio/wav"},{"type":"resource_link","uri":"raw://one","name":"one","size":1.0},{"type":"resource","resource":{"uri":"raw://one","blob":"AA==","mimeType":"x/y","_meta":{"k":1}}}]}',
  'structured array': '{"content":[],"structuredContent":[1.0,{"b":1,"a":2},null]}',
  'structured number': '{"content":[],"structuredContent":1e2}',
  'structured null': '{"content":[],"structuredContent":null}',
  'structured object': '{"structuredContent":{"z":12345678901234567890,"a":[]},"content":[]}',
  'failed tool': '{"isError":true,"content":[{"type":"text","text":"no"}],"x":1}',
  'members in unusual order': '{"_meta":{"a":1},"isError":false,"structuredContent":{},"content":[]}',
  'the same member twice': '{"content":[],"x":1,"x":2,"content":[]}',
  'pretty-printed': '{\n  "content": [\n    { "type": "text",\n\t"text": "a b" }\n  ],\r\n  "n": 1.0\n}',
  'white space': '{ "content" : [ ] , "a" : { } }',
  'result type of a later revision': '{"resultType":"complete","content":[]}',
};

/** Errors that servers answer with. */
export const oddErrors: Readonly<Record<string, string>> = {
  plain: '{"code":-32000,"message":"no"}',
  data: '{"code":-32603,"message":"żółć \\u0041","data":{"z":1.0,"a":[12345678901234567890],"deep":{"x":null}}}',
  'data null': '{"code":-32001,"message":"","data":null}',
  'unknown members': '{"code":1,"message":"m","retryAfter":1.50,"data":"text"}',
  'members in unusual order': '{"data":{"url":"http://example.com/?a=b&c"},"message":"m","code":-32042}',
  'not found': '{"code":-32002,"message":"Resource not found","data":{"uri":"raw://nothing"}}',
};

/** Ids, which must come back as they were spelled. */
export const oddIds: readonly string[] = [
  '0',
  '-1',
  '""',
  '"a b"',
  '"żółć"',
  '"1"',
  '"\\u0041"',
  '9007199254740991',
];

/** Params of what servers ask, each with what a client answers: a method and two JSON texts. */
export const oddQuestions: Readonly<
  Record<string, readonly [method: string, params: string, answer: string]>
> = {
  form: [
    'elicitation/create',
    '{"message":"żółć \\u0041","requestedSchema":{"type":"object","properties":{"n":{"type":"number","default":1.0,"maximum":12345678901234567890,"x-unknown":[-0]}}},"x-unknown":{"b":1e2,"a":null}}',
    '{"content":{"z":1.0,"n":12345678901234567890,"a":"\\u00e9 \\ud800"},"action":"accept","x-unknown":[-0]}',
  ],
  'form, declined': [
    'elicitation/create',
    '{"requestedSchema":{"type":"object","properties":{}},"message":""}',
    '{"action":"decline"}',
  ],
  sampling: [
    'sampling/createMessage',
    '{"messages":[{"role":"user","content":{"type":"text","text":"\\u0041\\/"},"x":1.0}],"maxTokens":1e2,"temperature":0.10,"metadata":{"z":1,"a":[null]},"_meta":{"vendor/x":1.0}}',
    '{"role":"assistant","model":"m","content":{"type":"text","text":"e\\u0301"},"_meta":{"":0},"n":1e400}',
  ],
  'sampling with tools': [
    'sampling/createMessage',
    '{"messages":[],"maxTokens":1,"tools":[{"name":"t","inputSchema":{"type":"object","x":1.0}}],"toolChoice":{"mode":"auto"}}',
    '{"role":"assistant","model":"m","stopReason":"toolUse","content":[{"type":"tool_use","id":"1","name":"t","input":{"n":1.0}}]}',
  ],
  address: [
    'elicitation/create',
    '{"mode":"url","message":"m","url":"https://example.com/?a=b&c","x-unknown":1.0}',
    '{"action":"accept"}',
  ],
  roots: ['roots/list', '{}', '{"roots":[{"uri":"file:///żółć","name":"\\u0041","x":1.0}],"y":null}'],
  'roots with unknown members': ['roots/list', '{"x":1.0,"_meta":{"a":2}}', '{"roots":[]}'],
};

/** States a modern server wants to see again: JSON texts of strings. */
export const oddStates: Readonly<Record<string, string>> = {
  plain: '"state-1"',
  empty: '""',
  unicode: '"żółć 漢字 🏳️‍🌈"',
  'line separators': '"a\\u2028b\\n\\r"',
  'JSON inside': '"{\\"kind\\":\\"u\\",\\"n\\":1.0}"',
  base64: `"${Buffer.from(Array.from({ length: 300 }, (_, index) => index % 256)).toString('base64url')}"`,
  long: `"${'0123456789abcdef'.repeat(4096)}"`,
};
