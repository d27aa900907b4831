/** What servers ask while they carry out a call: requests of a legacy server, `input_required` of a modern one. */
import type { Era } from '../../src/mcp/revisions.ts';
import type { Step } from '../fixtures/raw-server/options.ts';
import type { Case } from './case.ts';
import { oddQuestions, oddStates } from './corpus.ts';
import { call, script } from './scripts.ts';

type Question = readonly [method: string, params: string, answer: string];

/** Names under which a modern server asks, in turn. */
const KEYS = ['user name', 'żółć', '0', 'constructor', 'a"b', 'z', ''];

const STATE = '"after \\u0041 round"';

function asking(server: Era, questions: readonly Question[], state?: string): Step {
  if (server === 'legacy')
    return { do: 'askTexts', asks: questions.map(([method, params]) => ({ method, params })) };
  const requests = questions.map(
    ([method, params], index) => `${JSON.stringify(KEYS[index])}:{"method":"${method}","params":${params}}`,
  );
  const last = state === undefined ? '' : `,"requestState":${state}`;
  return {
    do: 'need',
    text: `{"resultType":"input_required","inputRequests":{${requests.join(',')}}${last},"x-unknown":1.0}`,
  };
}

function asked(name: string, server: Era, rounds: readonly (readonly Question[])[], state = STATE): Case {
  const steps = rounds.map((questions, index) =>
    asking(server, questions, index === 0 ? state : `"round ${index}"`),
  );
  return {
    ...call('questions', name, script(...steps, { do: 'resultReceived' })),
    compare: 'questions',
    answers: rounds.flat().map(([, , answer]) => answer),
  };
}

export function questionCases(server: Era): readonly Case[] {
  const all = Object.values(oddQuestions);
  const cases = Object.entries(oddQuestions).map(([name, question]) => asked(name, server, [[question]]));
  cases.push(asked('several at once', server, [all]));
  cases.push(asked('one after the other', server, [all.slice(0, 2), all.slice(2, 3), all.slice(3)]));
  if (server === 'legacy') return cases;
  const [first] = all as [Question];
  const states = Object.entries(oddStates).map(([name, state]) =>
    asked(`state: ${name}`, server, [[first]], state),
  );
  const nothing: Step = { do: 'need', text: '{"x":1.0,"requestState":"s","resultType":"input_required"}' };
  const received: Step = { do: 'resultReceived' };
  return [
    ...cases,
    ...states,
    { ...asked('no state', server, [[first]]), params: script(asking(server, [first]), received) },
    { ...asked('a state and no question', server, []), params: script(nothing, received) },
  ];
}
