import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, failure } from '../../../test/fixtures/expressions.ts';
import { HeaderView } from '../header-view.ts';
import { Secret } from '../secret.ts';

function table(name: string, values: Readonly<Record<string, unknown>>, scope = {}): void {
  test(name, () => {
    for (const [source, value] of Object.entries(values))
      assert.deepEqual(evaluate(source, scope), value, source);
  });
}

function fails(name: string, sources: readonly string[], scope = {}): void {
  test(name, () => {
    for (const source of sources) assert.equal(failure(source, scope).code, 'EXPRESSION_FAILED', source);
  });
}

table('a default stands for what is missing or null', {
  'default({"a": 1}.a, 2)': 1,
  'default({"a": 1}["b"], 2)': 2,
  'default({"a": {}}.a.b.c, "x")': 'x',
  'default(null, 2)': 2,
  'default(false, true)': false,
  'default(default({}.a, {}.b), 3)': 3,
  '[1, 2].map(x, default({"a": 1}[x == 1 ? "a" : "b"], x * 10))': [1, 20],
  '[[1], [2]].map(x, x.map(y, default({}.a, x[0] + y)))': [[2], [4]],
});

fails('a default hides no other error', [
  'default(1 / 0, 2)',
  'default(json("x").a, 2)',
  'default({}.a, 1 / 0)',
]);

table('coalesce takes the first that works', {
  'coalesce({"a": 1}["b"], {"a": 2}["a"], 3)': 2,
  'coalesce(fail("bad"), 1 / 0, "fallback")': 'fallback',
  'coalesce(null, "fallback")': 'fallback',
  'coalesce(null)': null,
  'coalesce(null, 1 / 0)': null,
  '[0, 1].map(x, coalesce(10 / x, -1))': [-1, 10],
});

fails('coalesce fails where everything does', ['coalesce(fail("bad"), 1 / 0)']);

table('a value gets a name', {
  '[1, 2].with(a, a + a)': [1, 2, 1, 2],
  '1.with(x, 2.with(y, x + y))': 3,
  '1.with(x, 2.with(x, x))': 2,
  'cel.bind(x, "a", x + x)': 'aa',
  '{"a": 1}.with(m, m.with(n, n.a + m.a))': 2,
});

fails('a name for a failure is a failure', ['(1 / 0).with(x, 1)', 'fail()', 'fail("reason")']);

table('maps are made of maps', {
  '{"a": 1, "b": 2}.mapValues(v, v * 2)': { a: 2, b: 4 },
  '{"a": {"b": 1}}.mapValues(v, v.mapValues(w, w + 1))': { a: { b: 2 } },
  '{"a": 1, "b": 2}.filterKeys(k, k == "a")': { a: 1 },
  '{"a": null}.filterKeys(k, true)': { a: null },
  '{"a": 1, "c": 3}.filterKeys(k, k != "c").mapValues(v, v + 1)': { a: 2 },
  '{"a": 2}.merge({"a": 3, "b": 4})': { a: 3, b: 4 },
  '{"a": 1}.contains("a") && [1, 2].contains(2.0) && !"abc".contains("d")': true,
});

fails('maps are made of maps only', [
  '[1].mapValues(v, v)',
  '[1].filterKeys(k, true)',
  '{"a": 1}.filterKeys(k, 42)',
  '{"a": 1}.filterKeys(k, 1 / 0 > 1)',
  '{"a": 1}.mapValues(v, v / 0)',
  '{}.merge([])',
]);

table('JSON', {
  'json("{\\"a\\": [1, 2.5, null, true]}")': { a: [1, 2.5, null, true] },
  'json(b"[1]")[0]': 1,
  'jsonField("{\\"a\\": 1}", "a")': 1,
  'toJson({"b": [1u, 2.5, "x", null], "a": b"hi"})': '{"b":[1,2.5,"x",null],"a":"aGk="}',
  'toJson(9223372036854775807)': '9223372036854775807',
  'toJson([timestamp("2026-01-02T03:04:05Z"), duration("1s")])': '["2026-01-02T03:04:05Z","1s"]',
  'to_json("a")': '"a"',
  'unvalidatedJwtPayload("eyJhbGciOiJub25lIn0.eyJkYXRhIjoifn5-In0.").data': '~~~',
});

fails('what is not JSON', [
  'json("{")',
  'json(b"\\xff")',
  'jsonField("[]", "a")',
  'jsonField("{}", "toString")',
  'toJson(int)',
  'unvalidatedJwtPayload("a.b.c")',
  'unvalidatedJwtPayload("x")',
]);

table('texts', {
  '"a-b-c".replace("-", "+")': 'a+b+c',
  '"a-b-c".replace("-", "+", 1)': 'a+b-c',
  '"a-b-c".replace("-", "+", -1)': 'a+b+c',
  '"ab".replace("", "-")': '-a-b-',
  '"ab".replace("", "-", 2)': '-a-b',
  '"aaa".replace("aa", "b")': 'ba',
  '["a", "b"].join("-") + ["c"].join()': 'a-bc',
  '"/v1/x".stripPrefix("/v1") + "a.json".stripSuffix(".json")': '/xa',
  '"a".stripPrefix("b") + "a".stripSuffix("")': 'aa',
  'size("é😀") + "ab".size()': 4,
  '"Ab1".lowerAscii() + "Ab1".upperAscii()': 'ab1AB1',
  '"/v1/mcp".matches("^/v[0-9]+/mcp$") && matches("abc", "b")': true,
  '"a\\nb".matches("(?s)a.b")': true,
});

table('patterns replace their first match', {
  '"/path/1/id/4/bar".regexReplace("/path/([0-9]+?)/id/([0-9]+)/bar", "/path/{n}/id/{id}/bar")':
    '/path/{n}/id/{id}/bar',
  '"blah id=1234 bar".regexReplace("id=(.+?) ", "[$1] ")': 'blah [1234] bar',
  '"ab ab".regexReplace("a", "x")': 'xb ab',
  '"john doe".regexReplace("(?P<first>\\\\w+) (?P<last>\\\\w+)", "${last}, $first")': 'doe, john',
  '"a".regexReplace("(a)(b)?", "$2$1$$")': 'a$',
  '"a".regexReplace("b", "x")': 'a',
});

table('codecs and hashes', {
  'base64.encode("hello") + base64Encode(b"hello")': 'aGVsbG8=aGVsbG8=',
  'string(base64.decode("Zg==")) + string(base64.decode("Zg")) + string(base64Decode("Zg"))': 'fff',
  'url.encode("hello world/?x=1&y=2")': 'hello%20world%2F%3Fx%3D1%26y%3D2',
  'url.encode("abc-._~") + url.encode("!\'()*é") + url.encode(b"\\xff")': 'abc-._~%21%27%28%29%2A%C3%A9%FF',
  'url.decode("hello%20world%2F%3Fx%3D1") + url.decode("a+b%zz")': 'hello world/?x=1a+b%zz',
  'form.decode("client_id=abc&scope=openid+profile&a=1&a=2&a=3")': {
    client_id: 'abc',
    scope: 'openid profile',
    a: ['1', '2', '3'],
  },
  'form.encode({"scope": "openid profile", "a": ["1", "2"], "n": null})': 'a=1&a=2&scope=openid+profile',
  'sha1.encode("hello")': 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d',
  'sha256.encode(b"hello")': '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  'md5.encode("hello")': '5d41402abc4b2a76b9719d911017c592',
});

fails('what cannot be decoded or encoded', [
  'base64.decode("a")',
  'base64.decode("Zh==")',
  'base64.decode("Z g=")',
  'base64.decode("Zg===")',
  'url.decode("%FF")',
  'form.encode({"a": {}})',
  'form.encode({"a": [1]})',
  '[1].join()',
]);

table(
  'addresses',
  {
    'ip("2001:DB8::0068")': '2001:db8::68',
    'string(ip("10.0.0.1")) + string(cidr("10.0.0.1/8"))': '10.0.0.110.0.0.1/8',
    'ip("::1") == ip("0:0::1") && ip("10.0.0.1") != ip("10.0.0.2")': true,
    'ip("10.0.0.1").family() + ip("::").family()': 10,
    'isIP("10.0.0.1") && isIP("::1") && !isIP("10.0.0.1.0") && isCIDR("::/0") && !isCIDR("::")': true,
    'ip("::").isUnspecified() && ip("0.0.0.0").isUnspecified() && !ip("::1").isUnspecified()': true,
    'ip("127.8.0.1").isLoopback() && ip("::1").isLoopback() && !ip("1.2.3.4").isLoopback()': true,
    'ip("224.0.0.1").isLinkLocalMulticast() && ip("ff02::1").isLinkLocalMulticast()': true,
    'ip("224.0.1.1").isLinkLocalMulticast() || ip("fd00::1").isLinkLocalMulticast()': false,
    'ip("169.254.169.254").isLinkLocalUnicast() && ip("fe80::1").isLinkLocalUnicast()': true,
    'ip("192.168.0.1").isLinkLocalUnicast() || ip("fd80::1").isLinkLocalUnicast()': false,
    'ip("192.168.0.1").isGlobalUnicast() && ip("2001:db8::abcd").isGlobalUnicast()': true,
    'ip("255.255.255.255").isGlobalUnicast() || ip("ff00::1").isGlobalUnicast() || ip("fd00::1").isGlobalUnicast()': false,
    'cidr("127.0.0.1/8").containsIP(ip("127.0.0.1")) && cidr("127.0.0.1/8").containsIP("127.9.9.9")': true,
    'cidr("127.0.0.1/8").containsIP("::1") || cidr("127.0.0.1/8").containsIP("128.0.0.1")': false,
    'cidr("127.0.0.1/8").containsCIDR(cidr("127.0.0.1/27")) && cidr("10.0.0.0/8").containsCIDR("10.1.0.0/16")': true,
    'cidr("127.0.7.1/8").masked()': '127.0.0.0/8',
    'cidr("127.0.7.1/8").ip()': '127.0.7.1',
    'cidr("::1/128").prefixLength()': 128,
    'ip(address).isLoopback() && cidr(network).containsIP(address)': true,
  },
  { address: '127.0.0.1', network: '127.0.0.0/8' },
);

fails('what is no address', ['ip(x)', 'cidr(x)', 'cidr("10.0.0.0/8").containsIP(x)', 'isIP(cidr("::/0"))'], {
  x: 'fe80::1%eth0',
});

const uris = { uri: 'http://example.com/api/test?foo=bar&foo=baz&zap=zip#top', path: '/api' };

table(
  'queries of URIs',
  {
    'uri.query("foo") == ["bar", "baz"] && uri.query("zap") == ["zip"]': true,
    'uri.addQuery("foo", "q u")': 'http://example.com/api/test?foo=bar&foo=baz&zap=zip&foo=q+u#top',
    'uri.setQuery("foo", "q")': 'http://example.com/api/test?zap=zip&foo=q#top',
    'path.setQuery("a", "1")': '/api?a=1',
    'default(path.query("a"), [])': [],
  },
  uris,
);

const headers = {
  h: new HeaderView([
    'Single',
    'z',
    'Multi',
    'a,b',
    'multi',
    'c',
    'Authorization',
    'Bearer x',
    'Cookie',
    's=1',
  ]),
};

table(
  'headers',
  {
    'h.single + h["SINGLE"]': 'zz',
    'h.multi': ['a,b', 'c'],
    'h.join().multi == "a,b,c" && h.raw().single == ["z"] && h.split().multi == ["a", "b", "c"]': true,
    'h.raw().join().multi + h.join().redacted().authorization': 'a,b,c<redacted>',
    'has(h.single) && !has(h.other) && "multi" in h && !("other" in h)': true,
    'h.filterKeys(k, k == "single")': { single: 'z' },
    'h.map(k, k)': ['single', 'multi', 'authorization', 'cookie'],
    'h.cookie("s")': '1',
    'default(h.cookie("t"), "none")': 'none',
  },
  headers,
);

fails(
  'headers have functions that other maps have not',
  ['{"a": 1}.raw()', 'h.other', 'h.cookie("t")', 'h.redacted().cookie("s")'],
  headers,
);

table('chance is passed in', {
  'random() >= 0.0 && random() < 1.0': true,
  'random() == random()': false,
  'uuid() == uuid()': false,
});

test('a UUID is one of chance', () => {
  assert.match(
    String(evaluate('uuid()')),
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
});

const secrets = { secret: new Secret('hunter2'), text: 'hunter2' };

table(
  'a secret is shown only on request',
  {
    secret: '<redacted>',
    '[secret, {"a": secret}]': ['<redacted>', { a: '<redacted>' }],
    'toJson({"a": secret})': '{"a":"<redacted>"}',
    '"%s".format([secret.unredacted()])': 'hunter2',
    'secret.unredacted() == text && text.unredacted() == text': true,
    'secret != null': true,
    'type(secret) == string': false,
  },
  secrets,
);

fails(
  'a secret is never used by mistake',
  [
    'secret == text',
    'text != secret',
    'secret in [text]',
    '[secret] == [text]',
    '[text].contains(secret)',
    '"Bearer " + secret',
    'string(secret)',
    'secret.startsWith("h")',
    '{secret: 1}',
    '"%s".format([secret])',
  ],
  secrets,
);

table('numbers are compared across their types, and nulls with everything', {
  '1 == 1.0 && 1u == 1 && 2.5 != 2': true,
  '1.0 in [1] && 3u in {3: true}': true,
  'math.greatest(1, 2.5, 2u) == 2.5 && max([1, 3]) == 3 && min(2, 1) == 1': true,
  'null == null && null != 1 && "" != null && [] != null': true,
  '[1, [2.0]] == [1u, [2]] && {"a": 1} == {"a": 1.0} && {"a": 1} != {"b": 1}': true,
  'b"a" == b"a" && b"a" != b"b" && b"a" != b"ab"': true,
  '0.0 / 0.0 == 0.0 / 0.0': false,
  'timestamp(1) == timestamp("1970-01-01T00:00:01Z") && duration("1s") != duration("2s")': true,
});
