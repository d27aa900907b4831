/**
 * What holds between the parts of a document: exactly one of several keys, names that clash, references that lead
 * nowhere. Reads the document as written, before and whether or not its shape is right, so that all faults are
 * found at once; whatever has the wrong shape is passed over, since the schema reports it.
 */
import { LIMITS, type Limit } from '../core/limits.ts';
import { checkAnswers, checkBackends } from './answer-rules.ts';
import type { Definitions } from './definitions.ts';
import type { Finding } from './diagnostics.ts';
import { checkBind, checkGateway, checkProxyProtocol, protocolsOf } from './listener-rules.ts';
import { isHttp } from './listener-tls.ts';
import { checkOwnPorts } from './own-ports.ts';
import { backendName, type Fields, fields, splitGatewayRef, usesGateways } from './references.ts';
import { type At, type Check, didYouMean, items, member, members, oneOf } from './rule-walk.ts';
import { dialerKinds } from './tcp-routes.ts';
import { checkTunnels } from './tunnel-rules.ts';

export function checkRules(value: unknown, definitions: Definitions): Finding[] {
  const check: Check = { definitions, findings: [] };
  const root = fields(value);
  if (!root) return [];
  const document = { value: root, path: [] };
  checkPorts(check, document);
  checkAnyPort(check, document);
  checkOwnPorts(check, document);
  checkBackendNames(check, document);
  for (const bind of items(document, 'binds')) checkBind(check, bind);
  for (const gateway of members(document, 'gateways')) checkGateway(check, gateway);
  checkProxyProtocol(check, document);
  checkTunnels(check, document);
  for (const backend of items(document, 'backends')) oneOf(check, backend, kindKeys(check));
  for (const route of allRoutes(document)) checkRoute(check, document, route);
  for (const route of items(document, 'routes')) checkGatewayRefs(check, document, route);
  for (const route of allTcpRoutes(document)) checkTcpRoute(check, document, route);
  for (const route of items(document, 'tcpRoutes'))
    checkGatewayRefs(check, document, { ...route, tcp: true });
  checkShortMcp(check, document);
  checkLimits(check, document);
  return check.findings;
}

function checkShortMcp(check: Check, document: At<Fields>): void {
  const mcp = member(document, 'mcp');
  if (!mcp) return;
  const { port, gateways } = mcp.value;
  if (port !== undefined && gateways !== undefined) {
    check.findings.push({
      path: [...mcp.path, 'port'],
      message: 'give port or gateways, not both',
      onKey: true,
    });
  }
  if (usesGateways(document.value['gateways'], mcp.value)) checkGatewayRefs(check, document, mcp);
}

/** What has two names is said under one of them. */
function checkLimits(check: Check, document: At<Fields>): void {
  for (const { key, also } of Object.values<Limit>(LIMITS)) {
    if (key === undefined || also === undefined) continue;
    if (valueAt(document, key) === undefined || valueAt(document, also) === undefined) continue;
    check.findings.push({ path: also.split('.'), message: `says the same as ${key}`, onKey: true });
  }
}

function valueAt(document: At<Fields>, key: string): unknown {
  return key.split('.').reduce<unknown>((value, part) => fields(value)?.[part], document.value);
}

/** A port is one bind, whatever its address: listeners are told apart by hostname, and generations by port. */
function checkPorts(check: Check, document: At<Fields>): void {
  const taken = new Set<unknown>();
  const owners: At<Fields>[] = [...items(document, 'binds'), ...members(document, 'gateways')];
  const mcp = member(document, 'mcp');
  if (mcp && !usesGateways(document.value['gateways'], mcp.value)) {
    owners.push({ value: { port: 3000, ...mcp.value }, path: mcp.path });
  }
  for (const { value, path } of owners) {
    const { port } = value;
    if (typeof port !== 'number') continue;
    if (taken.has(port)) {
      const message = `port ${port} is taken already in this document`;
      check.findings.push({
        path: [...path, 'port'],
        message,
        hint: 'put its listeners under the other one',
      });
    }
    taken.add(port);
  }
}

/** One internal bind may do without a port: it serves those that no other has. */
function checkAnyPort(check: Check, document: At<Fields>): void {
  const [, second] = items(document, 'binds').filter(
    ({ value }) => value['mode'] === 'internal' && value['port'] === undefined,
  );
  if (second) check.findings.push({ path: second.path, message: 'two binds serve every port', lacks: true });
}

function checkBackendNames(check: Check, document: At<Fields>): void {
  const seen = new Set<unknown>();
  for (const { value, path } of items(document, 'backends')) {
    const name = value['name'];
    if (typeof name === 'string' && seen.has(name))
      check.findings.push({ path: [...path, 'name'], message: `two backends are called "${name}"` });
    seen.add(name);
  }
}

function checkRoute(check: Check, document: At<Fields>, route: At<Fields>): void {
  checkAnswers(check, route);
  for (const backend of items(route, 'backends')) {
    oneOf(check, backend, [...kindKeys(check), 'backend']);
    checkBackendRef(check, document, backend);
  }
  for (const match of items(route, 'matches')) {
    const path = member(match, 'path');
    if (path) oneOf(check, path, ['exact', 'pathPrefix', 'regex']);
    for (const one of [...items(match, 'headers'), ...items(match, 'query')]) {
      const value = member(one, 'value');
      if (value) oneOf(check, value, ['exact', 'regex']);
    }
  }
}

function checkBackendRef(check: Check, document: At<Fields>, { value, path }: At<Fields>): void {
  const reference = value['backend'];
  if (typeof reference !== 'string') return;
  const names = items(document, 'backends').map((backend) => backend.value['name']);
  const name = backendName(reference);
  if (names.includes(name)) return;
  check.findings.push({
    path: [...path, 'backend'],
    message: `no backend is called "${name}"`,
    hint: didYouMean(name, names),
  });
}

/** What stands on gateways: something for HTTP, or connections that are passed on. */
interface Attached extends At<Fields> {
  readonly tcp?: boolean;
}

function checkGatewayRefs(check: Check, document: At<Fields>, attached: Attached): void {
  const { value, path } = attached;
  const refs = value['gateways'];
  const gateways = fields(document.value['gateways']) ?? {};
  if (refs === undefined) {
    if (Object.hasOwn(gateways, 'default'))
      return checkGatewayRef(check, gateways, { ...attached, ref: 'default' });
    const hint = 'name its gateways with `gateways:`, or call one of them "default"';
    check.findings.push({ path, message: 'this route stands on no gateway: none is called "default"', hint });
    return;
  }
  const list = Array.isArray(refs) ? refs : [refs];
  list.forEach((ref: unknown, index) => {
    if (typeof ref !== 'string') return;
    const at = Array.isArray(refs) ? [...path, 'gateways', index] : [...path, 'gateways'];
    checkGatewayRef(check, gateways, { ...attached, path: at, ref });
  });
}

function checkGatewayRef(
  check: Check,
  gateways: Fields,
  attached: Attached & { readonly ref: string },
): void {
  const { path, ref } = attached;
  const { gateway, listener } = splitGatewayRef(ref);
  if (!Object.hasOwn(gateways, gateway)) {
    check.findings.push({
      path,
      message: `no gateway is called "${gateway}"`,
      hint: didYouMean(gateway, Object.keys(gateways)),
    });
    return;
  }
  const owner = fields(gateways[gateway]);
  if (!owner) return;
  const names = items({ value: owner, path: [] }, 'listeners').map((one) => one.value['name']);
  if (listener === undefined || names.includes(listener)) {
    checkProtocol(check, owner, { ...attached, listener });
    return;
  }
  check.findings.push({
    path,
    message: `gateway "${gateway}" has no listener called "${listener}"`,
    hint: didYouMean(listener, names),
  });
}

/** A route stands on those listeners of a gateway that speak what it is for; there has to be one. */
function checkProtocol(
  check: Check,
  owner: Fields,
  { path, value, ref, listener, tcp = false }: Attached & { ref: string; listener: string | undefined },
): void {
  const protocols = protocolsOf(owner, listener);
  if (tcp && protocols.includes('TCP') && namesHosts(value)) check.findings.push({ path, ...NO_NAMES });
  if (protocols.some((protocol) => isHttp(protocol) !== tcp)) return;
  const message = tcp ? `"${ref}" passes no connections on` : `"${ref}" does not speak HTTP`;
  const hint = tcp ? 'give it `protocol: TCP` or `TLS`' : 'connections that are passed on have `tcpRoutes`';
  check.findings.push({ path, message, hint });
}

const NO_NAMES = { message: 'a route with `hostnames` needs TLS: over TCP no name is asked for' };

function namesHosts({ hostnames }: Fields): boolean {
  return Array.isArray(hostnames) && hostnames.length > 0;
}

function checkTcpRoute(check: Check, document: At<Fields>, route: At<Fields>): void {
  checkBackends(check, route, []);
  const kinds = dialerKinds(check.definitions);
  for (const backend of items(route, 'backends')) {
    oneOf(check, backend, [...kinds, 'backend']);
    checkBackendRef(check, document, backend);
    const { backend: reference } = backend.value;
    const name = typeof reference === 'string' ? backendName(reference) : undefined;
    const named = items(document, 'backends').find(
      ({ value }) => name !== undefined && value['name'] === name,
    );
    if (named)
      checkTakesConnections(check, named.value, { value: `${name}`, path: [...backend.path, 'backend'] });
  }
}

function checkTakesConnections(check: Check, named: Fields, { value: name, path }: At<string>): void {
  const kind = kindKeys(check).find((one) => named[one] !== undefined);
  const kinds = dialerKinds(check.definitions);
  if (kind !== undefined && !kinds.includes(kind)) {
    const hint = `a TCP route needs one of kind ${kinds.join(', ')}`;
    check.findings.push({
      path,
      message: `backend "${name}" is of kind ${kind}, which takes requests alone`,
      hint,
    });
  }
  const policies = Object.keys(fields(named['policies']) ?? {});
  const lost = check.definitions.policies.find(
    ({ key, attach }) => policies.includes(key) && !attach.includes('tcpRoute'),
  );
  if (lost) {
    const message = `backend "${name}" has \`${lost.key}\`, which is about requests`;
    check.findings.push({ path, message, hint: 'give connections a backend of their own' });
  }
}

function kindKeys(check: Check): string[] {
  return check.definitions.backends.map((backend) => backend.key);
}

/** Under a listener, or on gateways. */
function* allTcpRoutes(document: At<Fields>): Iterable<At<Fields>> {
  for (const bind of items(document, 'binds')) {
    for (const listener of items(bind, 'listeners')) yield* items(listener, 'tcpRoutes');
  }
  yield* items(document, 'tcpRoutes');
}

function* allRoutes(document: At<Fields>): Iterable<At<Fields>> {
  for (const bind of items(document, 'binds')) {
    for (const listener of items(bind, 'listeners')) yield* items(listener, 'routes');
  }
  yield* items(document, 'routes');
}
