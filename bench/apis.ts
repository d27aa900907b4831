/** An API whose operations are tools: what a call costs beside a plain request for the same, and by their number. */
import { recordsDescription } from './api-description.ts';
import { FIRST_ID, HttpLane, type Lane, openSessions, Template, withConnection } from './lanes.ts';
import type { Behind, Leg, Running, Variant } from './legs.ts';
import { getRecord, plainAnswer, plainLanes } from './plain.ts';
import { textAround } from './plain-bodies.ts';
import { direct, floor, gateway } from './plain-legs.ts';
import { COST, type Comparison, OF_THE_FLOOR } from './report.ts';
import type { LoadScenario } from './scenarios.ts';
import { endpoint, exchange, openSession, request } from './session.ts';

const LANES = 16;
/** Nothing here counts targets. */
const ANYTHING: Behind = { targets: 1, toolsPerTarget: 1 };

const CALL = JSON.stringify({
  jsonrpc: '2.0',
  id: FIRST_ID,
  method: 'tools/call',
  params: { name: 'getRecord', arguments: { path: { id: String(FIRST_ID) } } },
});

/** A gateway whose only target is the API. */
function asTools(operations: number, variant: Partial<Variant>): Leg {
  const schema = recordsDescription(operations);
  const leg = gateway(
    { backend: ({ url }) => ({ mcp: { targets: [{ name: 'records', openapi: { host: url, schema } }] } }) },
    variant,
  );
  return {
    ...leg,
    name: `openapi-${operations}`,
    start: async (behind) => {
      const running = await leg.start(behind);
      return { ...running, url: `${running.url}/mcp`, plain: false };
    },
  };
}

async function open(running: Running, lanes: number): Promise<Lane[]> {
  if (running.plain) return plainLanes(running, lanes, getRecord);
  const [session] = await openSessions(running.url, 1);
  const to = endpoint(running.url);
  return Array.from({ length: lanes }, () => new HttpLane(to, [new Template(request(to, CALL, session))]));
}

async function verify(running: Running): Promise<void> {
  const expected = textAround(1_024)(String(FIRST_ID)).toString();
  const answer = running.plain ? await plainAnswer(running, getRecord) : await toolAnswer(running);
  const right = running.plain
    ? answer === expected
    : answer.includes(`"text":${JSON.stringify(expected)}`) &&
      answer.includes(`"structuredContent":${expected}`);
  if (!right) throw new Error(`another answer than expected: ${answer.slice(0, 500)}`);
}

function toolAnswer(running: Running): Promise<string> {
  const to = endpoint(running.url);
  return withConnection(to, async (connection) => {
    const session = await openSession(connection, to);
    const answer = await exchange(connection, request(to, CALL, session), '"result"');
    return answer.body.toString('utf8');
  });
}

interface Shape {
  readonly compared: Comparison;
  readonly legs: (variant: Partial<Variant>) => readonly Leg[];
}

const calls = (name: string, about: string, shape: Shape): LoadScenario => ({
  kind: 'load',
  name,
  about,
  behind: ANYTHING,
  lanes: LANES,
  open,
  verify,
  ...shape,
});

export const apiScenarios: readonly LoadScenario[] = [
  calls('openapi-1k', 'tools/call of a JSON API that answers 1 KiB; direct and floor: the request itself', {
    compared: OF_THE_FLOOR,
    legs: (variant) => [direct, floor('streamed'), asTools(10, variant)],
  }),
  calls('openapi-operations', 'the same call, by the number of operations in the description', {
    compared: COST,
    legs: (variant) => [asTools(10, variant), asTools(1_000, variant)],
  }),
];
