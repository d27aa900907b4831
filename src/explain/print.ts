/** An explanation as text for people: who asks, what each rule said, and what comes of it. */
import type { ShownAuthentication, ShownExplanation, ShownJudgement, ShownRule } from './shown.ts';

export function printed(explanation: ShownExplanation): string {
  const { authentication, judgements, listed, notes } = explanation;
  const lines = [...way(explanation)];
  if (authentication.length > 0) lines.push('', 'Who asks', ...authentication.flatMap(findingLines));
  for (const judgement of judgements) lines.push('', ...judgementLines(judgement));
  // Lists are judged by the same rules: they are of interest where they say otherwise.
  const call = judgements.find(({ question }) => question === 'call');
  if (listed && call && listed.shown !== call.allowed)
    for (const judgement of listed.judgements) lines.push('', ...judgementLines(judgement));
  if (notes.length > 0) lines.push('', ...notes.map((note) => `note: ${note}`));
  lines.push('', `=> ${answer(explanation)}`);
  return `${lines.join('\n')}\n`;
}

/** One line: what the client is told. */
export function answer({ outcome, listed, item }: ShownExplanation): string {
  const hidden = item && listed && !listed.shown ? '; not listed' : '';
  const shown = item && listed?.shown ? '; listed' : '';
  switch (outcome.kind) {
    case 'allowed':
      return `allowed${hidden || shown}`;
    case 'unauthenticated':
      return `401: ${outcome.message}`;
    case 'forbidden':
      return `denied: 403, ${outcome.message}`;
    case 'scopes':
      return `denied: 403 insufficient_scope, a token has to grant: ${outcome.scopes.join(' ')}${hidden || shown}`;
    case 'unknown':
      return `denied as unknown: "${outcome.message}"${hidden || shown}`;
    case 'failed':
      return `not served: ${outcome.code}, ${outcome.message}`;
  }
}

function way({
  request,
  listener,
  route,
  backend,
  item,
  exposed,
  outcome,
  principal,
}: ShownExplanation): string[] {
  const reached = outcome.kind === 'allowed' ? outcome.reached : undefined;
  const named = exposed !== undefined && exposed !== item?.name ? `, to clients "${exposed}"` : '';
  return [
    `${item ? `${item.kind} "${item.name}"${named}` : 'request'} as ${principal ?? 'nobody in particular'}`,
    `  request   ${request.method} ${request.url}`,
    ...(listener === '' ? [] : [`  listener  ${listener}`]),
    ...(route === undefined ? [] : [`  route     ${route}`]),
    ...(backend ? [`  backend   ${backend.kind} (${backend.key})`] : []),
    ...(reached ? [`  target    ${reached.target}, as "${reached.name}"`] : []),
  ];
}

const MARKS: Readonly<Record<string, string>> = { proved: 'yes', absent: 'none', refused: 'no' };

function findingLines({ policy, place, mode, outcome, ...finding }: ShownAuthentication): string[] {
  const how = place === 'given' ? 'as given in the question' : `${mode}, ${place}`;
  const lines = [`  ${policy.padEnd(9)} ${(MARKS[outcome] ?? outcome).padEnd(4)} ${how}`];
  if (finding.message !== undefined) lines.push(`      ${finding.message}`);
  if (finding.principal !== undefined) lines.push(`      ${finding.principal}`);
  for (const [what, values] of [
    ['jwt', finding.claims],
    ['apiKey', finding.metadata],
  ] as const)
    for (const [name, value] of Object.entries(values ?? {}))
      lines.push(`      ${what}.${name} = ${valueText(value)}`);
  return lines;
}

const QUESTIONS = {
  request: () => 'may this request pass',
  call: ({ name, target }: ShownJudgement) => `may ${itemText(name, target)} be called`,
  list: ({ name, target }: ShownJudgement) => `do lists show ${itemText(name, target)}`,
};

function itemText(name: string | undefined, target: string | undefined): string {
  return name === undefined ? 'this method' : `"${name}" of ${target}`;
}

function judgementLines(judgement: ShownJudgement): string[] {
  const { policy, question, allowed, rules } = judgement;
  const lines = [`${policy}: ${QUESTIONS[question](judgement)}?`, ...rules.flatMap(ruleLines)];
  const decided = rules.some((rule) => rule.decided);
  const allows = rules.some(({ effect }) => effect === 'allow');
  const because = decided ? '' : allows ? ', because no allow holds' : ', because nothing is against it';
  return [...lines, `  -> ${allowed ? 'yes' : 'no'}${because}`];
}

const WIDTH = Math.max(...['require', 'unjudged'].map(({ length }) => length));

function ruleLines({
  effect,
  expression,
  at,
  outcome,
  error,
  leftOpen,
  decided,
  scopes,
  reads,
}: ShownRule): string[] {
  const said = outcome === 'unjudged' ? 'not read' : outcome;
  const lines = [
    `  ${decided ? '*' : ' '} ${effect.padEnd(7)} ${said.padEnd(WIDTH)} ${oneLine(expression)}`,
    `      ${[...at.slice(0, 3), ...(scopes ? [`scopes: ${scopes.join(' ')}`] : [])].join(', ')}`,
  ];
  if (outcome === 'unjudged') return lines.filter((line) => line.trim() !== '');
  if (error !== undefined) lines.push(`      ${error}${leftOpen ? ' (does not count here)' : ''}`);
  else if (leftOpen) lines.push('      left open: it depends on the call');
  for (const [name, value] of Object.entries(reads)) lines.push(`      ${name} = ${valueText(value)}`);
  return lines.filter((line) => line.trim() !== '');
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

const LONGEST = 200;

/** JSON keeps what comes from clients on one line and without control characters. */
function valueText(value: unknown): string {
  if (value === null || value === undefined) return '(nothing)';
  const text = JSON.stringify(value).replace(/[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '?');
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}
