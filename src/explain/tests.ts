/** Runs the `tests` of a document: asks each question, and holds the answer against what was expected. */
import { secretOf } from '../auth/secret.ts';
import type { ReadDocument } from '../config/load.ts';
import type { Expected, RuleTest, TestClient } from '../config/tests.ts';
import { GatewayError } from '../core/errors.ts';
import type { Ports } from '../core/ports.ts';
import type { Secret } from '../core/schema.ts';
import { type Explanation, explain, type Outcome } from './explain.ts';
import { answer, printed } from './print.ts';
import { type AskedItem, type Client, type Question, QuestionError } from './question.ts';
import { type ShownExplanation, shown } from './shown.ts';
import { ruleSpots } from './spots.ts';

export interface TestResult {
  readonly name: string;
  /** `file:line`. */
  readonly at: string;
  readonly passed: boolean;
  /** What the client was told, or why nothing could be asked. */
  readonly got: string;
  readonly expected: string;
  /** Undefined: nothing could be asked. */
  readonly explanation: ShownExplanation | undefined;
}

/** One after the other, in the order of the document. */
export async function runTests(read: ReadDocument, ports: Ports): Promise<TestResult[]> {
  const spots = ruleSpots(read);
  const results: TestResult[] = [];
  for (const [index, test] of read.document.tests.entries()) {
    const { file, line } = read.diagnostic({ path: ['tests', index, 'name'], message: '' });
    const about = { name: test.name, at: `${file}:${line}`, expected: expectedText(test.expect) };
    try {
      const explanation = await explain(read.plan, questionOf(test, ports), ports);
      const seen = shown(explanation, spots);
      results.push({
        ...about,
        passed: meets(explanation, test.expect),
        got: answer(seen),
        explanation: seen,
      });
    } catch (error) {
      if (!(error instanceof QuestionError) && !(error instanceof GatewayError)) throw error;
      results.push({ ...about, passed: false, got: error.message, explanation: undefined });
    }
  }
  return results;
}

/** A line for each test, and below those that failed why. */
export function printedTests(results: readonly TestResult[]): string {
  const lines = results.flatMap(({ passed, name, at, expected, got, explanation }) => {
    if (passed) return [`ok      ${name} (${at})`];
    const head = [`FAILED  ${name} (${at})`, `        expected ${expected}, got ${got}`];
    if (!explanation) return head;
    return [
      ...head,
      ...printed(explanation)
        .trimEnd()
        .split('\n')
        .map((line) => `        ${line}`.trimEnd()),
    ];
  });
  const failed = results.filter(({ passed }) => !passed).length;
  const count = `${results.length} ${results.length === 1 ? 'test' : 'tests'}`;
  return `${[...lines, failed === 0 ? `${count} passed` : `${failed} of ${count} failed`].join('\n')}\n`;
}

function meets({ outcome, listed }: Explanation, expected: Expected): boolean {
  if (typeof expected === 'object')
    return outcome.kind === 'scopes' && sameScopes(outcome.scopes, expected.scopes);
  switch (expected) {
    case 'allow':
      return outcome.kind === 'allowed';
    case 'deny':
      return REFUSED.includes(outcome.kind);
    case 'hidden':
      return outcome.kind === 'unknown' && listed?.shown === false;
    case 401:
      return outcome.kind === 'unauthenticated';
  }
}

const REFUSED: readonly Outcome['kind'][] = ['forbidden', 'scopes', 'unknown'];

function sameScopes(one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify([...one].sort()) === JSON.stringify([...other].sort());
}

function expectedText(expected: Expected): string {
  return typeof expected === 'object' ? `scopes ${expected.scopes.join(' ')}` : String(expected);
}

function questionOf(test: RuleTest, ports: Ports): Question {
  const { request, route, client } = test;
  return {
    client: clientOf(test.as, ports),
    request: { ...request, headers: Object.entries(request.headers) },
    route,
    item: itemOf(test),
    clientInfo: client,
  };
}

function itemOf({ tool, prompt, resource, target, args, annotations }: RuleTest): AskedItem | undefined {
  const more = { target, arguments: args, annotations };
  if (tool !== undefined) return { kind: 'tool', name: tool, ...more };
  if (prompt !== undefined) return { kind: 'prompt', name: prompt, ...more };
  return resource === undefined ? undefined : { kind: 'resource', name: resource, ...more };
}

function clientOf(
  { token, key, user, password, claims, apiKey, certificate }: TestClient,
  ports: Ports,
): Client {
  const read = (secret: Secret, what: string): string => secretOf(secret, `tests.as.${what}`, ports)();
  const login = user !== undefined && password !== undefined && `${user}:${read(password, 'password')}`;
  return {
    credentials: {
      ...(token !== undefined && { jwt: read(token, 'token') }),
      ...(key !== undefined && { apiKey: read(key, 'key') }),
      ...(login && { basicAuth: Buffer.from(login).toString('base64') }),
    },
    claims,
    metadata: apiKey,
    certificate: certificate && {
      fingerprint: certificate.fingerprint ?? 'given',
      subject: certificate.subject ?? '',
      subjectCn: certificate.subjectCn,
      subjectAltNames: certificate.subjectAltNames ?? [],
      issuer: certificate.issuer ?? '',
      certificate: '',
    },
  };
}
