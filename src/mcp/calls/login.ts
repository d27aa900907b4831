/**
 * Logins of clients at upstreams, during their calls. A client that can be asked to open a page is asked, and its call goes
 * on when the login is over; any other gets the link, and its next call goes through. Knows neither pages nor OAuth.
 */
import { GatewayError } from '../../core/errors.ts';
import { type Login, LoginNeeded } from '../../core/outgoing.ts';
import { Cancel } from '../../lib/cancel.ts';
import { notificationMessage, requestMessage } from '../../lib/json-rpc.ts';
import { parseObject } from '../../lib/json-value.ts';
import { asCapabilities, missingCapability } from '../bridge/needs.ts';
import { resultToModern } from '../bridge/outcomes.ts';
import type { McpCall, McpOutcome } from '../call.ts';
import { readMessage } from '../message.ts';
import type { Member } from '../view/view.ts';
import type { Caller } from './caller.ts';

const BY_URL = 'elicitation.url';
const BY_URL_SINCE = '2025-11-25';

/** The login that an error is about, whatever it has been wrapped in. */
export function neededLogin(error: unknown): LoginNeeded | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof LoginNeeded) return cause;
  return undefined;
}

/** Runs `work` once more after the login that it failed for. Rejects with what tells the client how to go on. */
export async function withLogin(
  caller: Caller,
  call: McpCall,
  work: () => Promise<McpOutcome>,
): Promise<McpOutcome> {
  let needed: LoginNeeded;
  try {
    return await work();
  } catch (cause) {
    const found = neededLogin(cause);
    if (!found) throw cause;
    needed = found.at(originOf(call));
  }
  tellAfter(caller, needed.login);
  if (!(await loggedIn(caller, call, needed.login))) return linkFor(caller, call, needed);
  return work();
}

/** What the gateway's own tool answers. */
export async function runLoginTool(caller: Caller, call: McpCall, { target }: Member): Promise<McpOutcome> {
  call.record.target = target.name;
  const open = async (): Promise<void> => void (await caller.links.get(target));
  try {
    await open();
    return said(caller, `You are logged in to ${target.name}.`);
  } catch (cause) {
    const needed = neededLogin(cause)?.at(originOf(call));
    if (!needed) throw cause;
    tellAfter(caller, needed.login);
    if (!(await loggedIn(caller, call, needed.login)))
      return said(caller, `${LINK} ${needed.login.url}\nThe tools of ${target.name} are listed afterwards.`);
  }
  await open();
  return said(caller, `You are logged in to ${target.name} now; its tools are listed from now on.`);
}

const LINK = 'To log in, open this link in your browser:';

/** Lists are other ones after a login, whichever call it was begun for. */
const told = new WeakMap<Caller, Set<string>>();

export function tellAfter(caller: Caller, login: Login): void {
  const logins = told.get(caller) ?? new Set();
  told.set(caller, logins);
  if (logins.has(login.id)) return;
  logins.add(login.id);
  const over = (): boolean => logins.delete(login.id);
  login.done(new Cancel()).then(async () => {
    over();
    // One login for all is the gateway's own connection's too.
    const shared = caller.view.members.filter(
      ({ outgoing: { credentials } }) => credentials?.interactive && !credentials.personal,
    );
    await Promise.all(shared.map(({ target }) => target.retry()));
    for (const kind of ['tools', 'prompts', 'resources'] as const) caller.listChanged(kind);
  }, over);
}

/** False: the client cannot be asked to open a page. Rejects where the login is declined or fails. */
async function loggedIn(caller: Caller, call: McpCall, login: Login): Promise<boolean> {
  if (!opensPages(caller, call)) return false;
  const withdrawn = call.cancel.child();
  const done = login.done(call.cancel);
  const asked = call.peer.ask({
    message: elicitation(caller, login),
    cancel: withdrawn.cancel,
    progress() {},
  });
  try {
    const first = await Promise.race([
      done.then(() => 'done' as const),
      asked.then(actionOf, (): Action => (call.cancel.cancelled ? 'cancel' : 'unasked')),
    ]);
    if (call.cancel.reason) throw call.cancel.reason;
    if (first === 'unasked') return false;
    if (first === 'decline' || first === 'cancel')
      throw new GatewayError('FORBIDDEN', `the login was declined (${login.message.toLowerCase()})`);
    await done;
  } finally {
    done.catch(() => undefined);
    withdrawn.forget();
    withdrawn.cancel.cancel(OVER);
  }
  if (caller.era === 'legacy') call.peer.notify(completed(login), 'keep');
  return true;
}

const OVER = new GatewayError('CANCELLED', 'the login is over');

type Action = 'accept' | 'decline' | 'cancel' | 'unasked';

function actionOf({ kind, body }: McpOutcome): Action {
  const action = kind === 'result' ? parseObject(body)?.['action'] : undefined;
  return action === 'accept' || action === 'decline' || action === 'cancel' ? action : 'unasked';
}

function opensPages(caller: Caller, call: McpCall): boolean {
  if (caller.era === 'legacy' && caller.version < BY_URL_SINCE) return false;
  const { capabilities } = call.envelope ?? caller.envelope();
  return missingCapability(parseObject(capabilities) ?? {}, BY_URL) === undefined;
}

/** The newer revision has no ids: who asked is told by the call that goes on. */
function elicitation({ era }: Caller, { id, url, message }: Login) {
  const named = era === 'legacy' ? { elicitationId: id } : {};
  const params = { mode: 'url', ...named, url, message };
  return readMessage(requestMessage(1, 'elicitation/create', Buffer.from(JSON.stringify(params))));
}

function completed({ id }: Login): Buffer {
  const params = Buffer.from(JSON.stringify({ elicitationId: id }));
  return notificationMessage('notifications/elicitation/complete', params);
}

/** The newer revision must not be sent -32042; a tool's result is read by somebody who can do something about it. */
function linkFor(caller: Caller, call: McpCall, needed: LoginNeeded): McpOutcome {
  if (caller.era === 'legacy') throw needed;
  const { login } = needed;
  if (call.method === 'tools/call') return said(caller, `${login.message}. ${LINK} ${login.url}`, true);
  throw new GatewayError('CAPABILITY_MISSING', needed.message, {
    data: { requiredCapabilities: asCapabilities([BY_URL]) },
  });
}

function said({ era }: Caller, text: string, isError = false): McpOutcome {
  const result = { content: [{ type: 'text', text }], ...(isError ? { isError } : {}) };
  const body = Buffer.from(JSON.stringify(result));
  if (era === 'legacy') return { kind: 'result', body };
  return { kind: 'result', body: resultToModern(body, { cacheable: false, serverInfo: undefined }) };
}

function originOf({ exchange }: McpCall): string | undefined {
  return exchange && `${exchange.scheme}://${exchange.authority}`;
}
