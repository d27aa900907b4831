import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseHtpasswd } from './htpasswd.ts';
import { matches, readPasswordHash } from './password-hash.ts';

/** Of "myPassword", as printed in the manual of Apache ("Password Formats"). */
const MANUAL = {
  bcrypt: '$2y$05$c4WoMPo3SXsafkva.HHa6uXQZWr7oboPiC2bT/r7q1BB8I2s0BRqC',
  apr1: '$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/',
  sha: '{SHA}VBPuJHI7uixaa6LQGWx4s+5GKNE=',
};

async function verify(text: string, password: string): Promise<boolean> {
  const hash = readPasswordHash(text);
  assert.ok(typeof hash !== 'string', String(hash));
  return matches(hash, password);
}

describe('a password', () => {
  for (const [kind, text] of Object.entries(MANUAL)) {
    test(`is behind its ${kind} hash, and no other is`, async () => {
      assert.equal(await verify(text, 'myPassword'), true);
      for (const other of ['mypassword', 'myPassword ', '', 'myPassword\0'])
        assert.equal(await verify(text, other), false);
    });
  }

  test('of any length and alphabet has the APR1 hash that OpenSSL gives it', async () => {
    for (const [password, text] of [
      ['', '$apr1$r31.....$iQoXxeL5pW.kaXVrniDCU0'],
      ['a', '$apr1$r31.....$s7OSk4uJoyS8elmZY5Ru40'],
      ['exactly16bytes!!', '$apr1$r31.....$hY0/PX.OkvgacyR4m2.SR.'],
      ['pässwörd with spaces and more than thirty-two bytes', '$apr1$r31.....$CZutJRtakHdunGflgx3xb0'],
      ['short salt', '$apr1$ab$0iE1Uw5jyIcuhGRkN3tEJ.'],
    ] as const)
      assert.equal(await verify(text, password), true, password);
  });
});

describe('a list of users', () => {
  test('has a line for each, comments and empty lines', () => {
    const { users } = parseHtpasswd(`# people\r\nann:${MANUAL.bcrypt}\r\n\n  bob:${MANUAL.sha}  \n`);
    assert.deepEqual([...users.keys()], ['ann', 'bob']);
  });

  test('has a decoy that costs what its strongest hash costs and opens nothing', async () => {
    const { decoy } = parseHtpasswd(`a:${MANUAL.sha}\nb:${MANUAL.bcrypt}\nc:${MANUAL.apr1}`);
    assert.deepEqual([decoy.kind, decoy.kind === 'bcrypt' && decoy.cost], ['bcrypt', 5]);
    for (const text of Object.values(MANUAL)) {
      const alone = parseHtpasswd(`a:${text}`).decoy;
      for (const password of ['myPassword', '', '.'])
        assert.equal(await matches(alone, password), false, alone.kind);
    }
  });

  test('is refused with the number of the line that is wrong, and without its text', () => {
    for (const [text, problem] of [
      ['', /^no users$/],
      ['# nobody', /^no users$/],
      [`ann:${MANUAL.sha}\nhunter2`, /^line 2: expected user:hash$/],
      [':hunter2', /^line 1: expected user:hash$/],
      ['ann:hunter2', /^line 1: not a hash: passwords in plain text .*htpasswd -nB/],
      ['ann:{PLAIN}hunter2', /plain text/],
      ['ann:', /plain text/],
      ['ann:rqXexS6ZhobKA', /crypt/],
      ['ann:$6$salt$hunter2', /kind that is not supported/],
      ['ann:$1$salt$hunter2hunter2hunter2', /kind that is not supported/],
      ['ann:$2y$05$hunter2', /damaged bcrypt/],
      [`ann:${MANUAL.bcrypt.replace('$05$', '$31$')}`, /cost of 31/],
      [`ann:${MANUAL.bcrypt.replace('$05$', '$01$')}`, /cost of 1;/],
      [`ann:${MANUAL.sha}\nann:${MANUAL.apr1}`, /^line 2: this user has a line already$/],
    ] as const)
      assert.throws(
        () => parseHtpasswd(text),
        ({ message }: Error) => {
          assert.match(message, problem);
          return !message.includes('hunter2') && !message.includes('$05$');
        },
        text,
      );
  });
});
