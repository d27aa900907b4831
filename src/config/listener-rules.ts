/** What holds for listeners and what they stand under: their names, what they speak, and how connections enter. */
import { effectiveProtocol, HTTP_ALPN, isHttp, isSuiteOf, type Protocol } from './listener-tls.ts';
import type { Fields } from './references.ts';
import { type At, type Check, items, member, members } from './rule-walk.ts';

export function checkBind(check: Check, bind: At<Fields>): void {
  const { mode, port } = bind.value;
  const { path } = bind;
  if (mode !== 'internal') {
    if (port === undefined) check.findings.push({ path, message: '`port` is missing', lacks: true });
  } else
    for (const key of ['address', 'proxyProtocol']) {
      if (bind.value[key] === undefined) continue;
      const message = `\`${key}\` has no effect where no socket is opened`;
      check.findings.push({ path: [...path, key], message, onKey: true });
    }
  checkListeners(check, bind);
  for (const listener of items(bind, 'listeners')) checkRoutes(check, listener);
}

/** The Rust gateway has it so, too: what is said beside `listeners` would hold for none of them. */
export function checkGateway(check: Check, gateway: At<Fields>): void {
  checkListeners(check, gateway);
  checkPolicies(check, gateway, protocolsOf(gateway.value));
  const listeners = items(gateway, 'listeners');
  for (const listener of listeners) checkPolicies(check, listener, [effectiveProtocol(listener.value)]);
  if (!Array.isArray(gateway.value['listeners'])) {
    checkTls(check, gateway);
    return;
  }
  const key = ['tls', 'protocol'].find((one) => gateway.value[one] !== undefined);
  if (key === undefined || gateway.value[key] === 'HTTP') return;
  check.findings.push({
    path: [...gateway.path, key],
    message: `\`${key}\` has no effect beside \`listeners\``,
    hint: 'give it to each listener',
    onKey: true,
  });
}

/** What is spoken under a gateway or bind, or by its listener of this name. */
export function protocolsOf(owner: Fields, listener?: string): Protocol[] {
  if (!Array.isArray(owner['listeners'])) return [effectiveProtocol(owner)];
  return items({ value: owner, path: [] }, 'listeners')
    .filter(({ value }) => listener === undefined || value['name'] === listener)
    .map(({ value }) => effectiveProtocol(value));
}

/** Whoever wrote a policy believes that it is kept. */
function checkPolicies(check: Check, { value, path }: At<Fields>, protocols: readonly Protocol[]): void {
  const protocol = protocols.find((one) => !isHttp(one));
  if (protocol === undefined) return;
  for (const { key } of check.definitions.policies) {
    if (value[key] === undefined) continue;
    const message = `\`${key}\` is about requests: a ${protocol} listener sees none`;
    check.findings.push({ path: [...path, key], message, onKey: true });
  }
}

/** Of a listener in the binds tree. */
function checkRoutes(check: Check, listener: At<Fields>): void {
  const protocol = effectiveProtocol(listener.value);
  const { path } = listener;
  const wrong = isHttp(protocol) ? 'tcpRoutes' : 'routes';
  if (listener.value[wrong] !== undefined) {
    const message =
      wrong === 'routes'
        ? `\`routes\` are for requests: a ${protocol} listener has \`tcpRoutes\``
        : `\`tcpRoutes\` are not for ${protocol}`;
    const hint = wrong === 'routes' ? undefined : 'give the listener `protocol: TCP` or `TLS`';
    check.findings.push({ path: [...path, wrong], message, hint, onKey: true });
  }
  if (isHttp(protocol)) return;
  const routes = items(listener, 'tcpRoutes');
  if (routes.length === 0)
    check.findings.push({ path, message: `a ${protocol} listener needs \`tcpRoutes\``, lacks: true });
  const policies = member(listener, 'policies');
  if (policies) checkPolicies(check, policies, [protocol]);
  if (protocol !== 'TCP') return;
  for (const route of routes) noName(check, route, 'hostnames');
}

/** Over TCP nobody says which host is meant. */
function noName(check: Check, { value, path }: At<Fields>, key: 'hostname' | 'hostnames'): void {
  const given = value[key];
  if (given === undefined || (Array.isArray(given) && given.length === 0)) return;
  const message = `\`${key}\` needs TLS: over TCP no name is asked for`;
  check.findings.push({ path: [...path, key], message, onKey: true });
}

/** How the connections of a port begin is said once, and can be told. */
export function checkProxyProtocol(check: Check, document: At<Fields>): void {
  const binds = items(document, 'binds');
  for (const bind of binds) checkOptional(check, member(bind, 'proxyProtocol'), [bind]);
  const frontend = member(document, 'frontendPolicies');
  if (!frontend) return;
  if (frontend.value['proxy'] !== undefined && frontend.value['proxyProtocol'] !== undefined) {
    const path = [...frontend.path, 'proxyProtocol'];
    check.findings.push({ path, message: 'says the same as `proxy`', onKey: true });
  }
  const others = binds.filter(({ value }) => value['proxyProtocol'] === undefined);
  const proxy = member(frontend, 'proxy') ?? member(frontend, 'proxyProtocol');
  checkOptional(check, proxy, [...others, ...members(document, 'gateways')]);
}

function checkOptional(check: Check, proxy: At<Fields> | undefined, ports: readonly At<Fields>[]): void {
  if (proxy?.value['mode'] !== 'optional') return;
  if (!ports.some(({ value }) => protocolsOf(value).includes('TCP'))) return;
  const message =
    'with a TCP listener it has to be `strict`: a client may wait for the server to speak first';
  check.findings.push({ path: [...proxy.path, 'mode'], message });
}

function checkListeners(check: Check, owner: At<Fields>): void {
  const hosts = new Set<string>();
  const names = new Set<string>();
  const listeners = items(owner, 'listeners');
  const alone = listeners.find(({ value }) => effectiveProtocol(value) === 'TCP');
  if (alone && listeners.length > 1) {
    const message = 'a TCP listener takes every connection: no other can be on its port';
    check.findings.push({ path: alone.path, message });
  }
  for (const listener of listeners) {
    checkTls(check, listener);
    const { value, path } = listener;
    const { hostname, name, namespace } = value;
    const host = typeof hostname === 'string' ? hostname.toLowerCase() : '*';
    if (hosts.has(host) && !alone) {
      const message =
        host === '*'
          ? 'two listeners on this port serve every host'
          : `two listeners on this port serve "${host}"`;
      const at = hostname === undefined ? path : [...path, 'hostname'];
      check.findings.push({
        path: at,
        message,
        hint: 'give each listener a hostname of its own, or put the routes into one',
      });
    }
    hosts.add(host);
    if (typeof name !== 'string') continue;
    const full = `${typeof namespace === 'string' ? namespace : ''}/${name}`;
    if (names.has(full))
      check.findings.push({
        path: [...path, 'name'],
        message: `two listeners on this port are called "${name}"`,
      });
    names.add(full);
  }
}

function checkTls(check: Check, listener: At<Fields>): void {
  const { protocol, tls: given } = listener.value;
  if (given === undefined && protocol === 'HTTPS') {
    const message = 'HTTPS needs `tls` with a certificate and its key';
    check.findings.push({ path: [...listener.path, 'protocol'], message });
  }
  if (protocol === 'TCP') noName(check, listener, 'hostname');
  const tls = member(listener, 'tls');
  if (!tls) return;
  const { alpn } = tls.value;
  if (protocol !== 'TLS' && Array.isArray(alpn) && alpn.some((one) => !HTTP_ALPN.includes(one))) {
    const message = `expected one of ${HTTP_ALPN.join(', ')}`;
    check.findings.push({ path: [...tls.path, 'alpn'], message, onKey: true });
  }
  if (protocol === 'TCP') {
    const hint = 'write `protocol: TLS`';
    check.findings.push({ path: tls.path, message: 'TCP is without `tls`', hint, onKey: true });
  }
  if (protocol === 'HTTP') {
    const hint = 'write `protocol: HTTPS`, or leave it out';
    check.findings.push({ path: tls.path, message: 'HTTP is without `tls`', hint, onKey: true });
  }
  const [least, most] = [versionKey(check, tls, 'min'), versionKey(check, tls, 'max')];
  if (tls.value[least] === 'TLS_V1_3' && tls.value[most] === 'TLS_V1_2') {
    check.findings.push({ path: [...tls.path, least], message: `is more than \`${most}\`` });
    return;
  }
  const bound = tls.value[least] === 'TLS_V1_3' ? least : tls.value[most] === 'TLS_V1_2' ? most : undefined;
  const suites = tls.value['cipherSuites'];
  if (bound === undefined || !Array.isArray(suites) || suites.length === 0) return;
  if (suites.some((suite) => isSuiteOf(suite, tls.value[bound]))) return;
  const message = `none of them is of the version that \`${bound}\` leaves`;
  check.findings.push({ path: [...tls.path, 'cipherSuites'], message, onKey: true });
}

/** Which of its two spellings a version is written in. */
function versionKey(check: Check, { value, path }: At<Fields>, end: 'min' | 'max'): string {
  const [usual, other] = [`${end}TLSVersion`, `${end}TlsVersion`];
  if (value[other] === undefined) return usual;
  if (value[usual] !== undefined) {
    const message = `give only one of ${usual}, ${other}`;
    check.findings.push({ path: [...path, other], message, onKey: true });
  }
  return other;
}
