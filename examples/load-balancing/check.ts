/** Sessions are spread by weight, and each stays with the backend where it began. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { callText, startExample } from '../../test/fixtures/example.ts';

export async function check(t: TestContext): Promise<void> {
  const gateway = await startExample(t, 'load-balancing');
  const began: string[] = [];
  for (let session = 0; session < 8; session += 1) {
    const client = await gateway.connect();
    const release = async (): Promise<string> => {
      const env = JSON.parse(await callText(client, 'get-env')) as Record<string, string>;
      return env['RELEASE'] ?? '';
    };
    const first = await release();
    assert.deepEqual([await release(), await release()], [first, first]);
    began.push(first);
  }
  const share = (release: string): number => began.filter((each) => each === release).length;
  assert.deepEqual([share('stable'), share('canary')], [6, 2]);
}
