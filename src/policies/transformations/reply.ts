/** What a transformation makes of a reply. All of it is made before anything is changed. */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
import { type Answer, type Exchange, isTunnel, type Reply } from '../../core/exchange.ts';
import { LIMITS } from '../../core/limits.ts';
import { withoutHeaders } from '../../core/outgoing.ts';
import { held, streamsOn } from '../../core/reply-body.ts';
import { bytesAtHand } from '../../core/whole-body.ts';
import { comesTo, type Expression, type Scope } from '../../expr/expression.ts';
import { exchangeScope, secretsOf } from '../../expr/scope.ts';
import type { Values } from '../../expr/values.ts';
import { Flow } from '../../lib/flow.ts';
import { changedHeaders } from '../../upstream/reply-headers.ts';
import { valueProblem } from '../../upstream/request-headers.ts';
import type { CompiledChanges } from './compiled.ts';

export interface Transforming {
  readonly exchange: Exchange;
  readonly values: Values;
  readonly secrets: boolean;
}

const BODY = 'response.body';
/** About a body that is no longer there. */
const STALE = [
  'content-length',
  'content-encoding',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
  'etag',
  'accept-ranges',
  'content-range',
];

export async function transformedReply(
  answer: Answer,
  changes: CompiledChanges,
  transforming: Transforming,
): Promise<Answer> {
  if (isTunnel(answer) || streamsOn(answer) || transforming.exchange.method === 'HEAD')
    return withHeaders(answer, changes, transforming);
  const reads = changes.expressions.some((expression) => comesTo(expression, BODY));
  const bytes = reads ? await wholeBody(answer) : undefined;
  const reply = bytes ? { ...answer, body: Flow.of(bytes) } : answer;
  try {
    const scope = scopeOf(reply, transforming, bytes);
    const body = changes.body && transforming.values.body(changes.body, scope, 'the body of the reply').bytes;
    const status = statusOf(changes, scope, transforming) ?? reply.status;
    const headers = headersOf(reply, changes, { ...transforming, scope, stale: body !== undefined });
    if (!body) return { status, headers, body: reply.body };
    reply.body.cancel(REPLACED);
    return { status, headers, body: Flow.of(body) };
  } catch (error) {
    reply.body.cancel(asGatewayError(error));
    throw error;
  }
}

const REPLACED = new GatewayError('CANCELLED', 'the body of the reply is replaced');

/** As far as that can be done to what streams on: nothing is made of a body, nor in its place. */
function withHeaders<T extends Answer>(answer: T, changes: CompiledChanges, transforming: Transforming): T {
  const { set, add, remove } = changes.headers;
  const bodiless = (table: Readonly<Record<string, Expression>>) =>
    Object.fromEntries(Object.entries(table).filter(([, expression]) => !comesTo(expression, BODY)));
  const headers = { set: bodiless(set), add: bodiless(add), remove };
  const pseudo = new Map(
    isTunnel(answer) ? [] : [...changes.pseudo].filter(([, one]) => !comesTo(one, BODY)),
  );
  const possible = { ...changes, headers, pseudo };
  // As the reply to GET would have them.
  const stale = changes.body !== undefined && transforming.exchange.method === 'HEAD';
  try {
    const scope = scopeOf(answer, transforming, undefined);
    return {
      ...answer,
      status: statusOf(possible, scope, transforming) ?? answer.status,
      headers: headersOf(answer, possible, { ...transforming, scope, stale }),
    };
  } catch (error) {
    if (!isTunnel(answer)) answer.body.cancel(asGatewayError(error));
    throw error;
  }
}

function headersOf(
  { headers }: Pick<Reply, 'headers'>,
  changes: CompiledChanges,
  { values, scope, stale }: Transforming & { readonly scope: Scope; readonly stale: boolean },
): readonly string[] {
  const { set, add, remove } = changes.headers;
  const made = (table: Readonly<Record<string, Expression>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(table).map(([name, expression]) => [
        name.toLowerCase(),
        values.text(expression, scope, { name: `the header "${name}" of the reply`, check: valueProblem }),
      ]),
    );
  const kept = stale ? withoutHeaders(headers, STALE) : headers;
  return changedHeaders(kept, { set: made(set), add: made(add), remove });
}

function statusOf({ pseudo }: CompiledChanges, scope: Scope, { values }: Transforming): number | undefined {
  const expression = pseudo.get(':status');
  if (!expression) return undefined;
  const check = (text: string) => (/^[2-5]\d\d$/.test(text) ? undefined : 'it is no status from 200 to 599');
  return Number(values.text(expression, scope, { name: ':status', check }));
}

function scopeOf(
  { status, headers }: Pick<Reply, 'status' | 'headers'>,
  { exchange, secrets }: Transforming,
  body: Buffer | undefined,
): Scope {
  return exchangeScope(exchange, {
    ...(secrets && secretsOf(exchange)),
    body: bytesAtHand(exchange),
    response: { status, headers, ...(body && { body }) },
  });
}

async function wholeBody({ body }: Reply): Promise<Buffer> {
  const ready = body.whole();
  if (ready) return ready;
  const limit = LIMITS.policyBody.value;
  const read = await held(body, limit);
  if (!read.more) return read.bytes;
  const error = new GatewayError('UPSTREAM_MESSAGE_TOO_LARGE', `the reply is larger than ${limit} bytes`);
  read.more.cancel(error);
  throw error;
}
