/**
 * What holds between the parts of a document: exactly one of several keys, names that clash, references that lead
 * nowhere. Reads the document as written, before and whether or not its shape is right, so that all faults are
 * found at once; whatever has the wrong shape is passed over, since the schema reports it.
 */
import { LIMITS, type Limit } from '../core/limits.ts';
import { closest } from '../lib/suggest.ts';
import type { Definitions } from './definitions.ts';
import type { Finding, Path } from './diagnostics.ts';
import { isSuiteOf } from './listener-tls.ts';
import { backendName, type Fields, fields, splitGatewayRef, usesGateways } from './references.ts';

interface Check {
  readonly definitions: Definitions;
  readonly findings: Finding[];
}

interface At<T> {
  readonly value: T;
  readonly path: Path;
}

export function checkRules(value: unknown, definitions: Definitions): Finding[] {
  const check: Check = { definitions, findings: [] };
  const root = fields(value);
  if (!root) return [];
  const document = { value: root, path: [] };
  checkPorts(check, document);
  checkBackendNames(check, document);
  for (const bind of items(document, 'binds')) checkListeners(check, bind);
  for (const gateway of members(document, 'gateways')) {
    checkListeners(check, gateway);
    checkGatewayTls(check, gateway);
  }
  for (const backend of items(document, 'backends')) oneOf(check, backend, kindKeys(check));
  for (const route of allRoutes(document)) checkRoute(check, document, route);
  for (const route of items(document, 'routes')) checkGatewayRefs(check, document, route);
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
  if (gateways !== undefined) checkGatewayRefs(check, document, mcp);
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

function checkBackendNames(check: Check, document: At<Fields>): void {
  const seen = new Set<unknown>();
  for (const { value, path } of items(document, 'backends')) {
    const name = value['name'];
    if (typeof name === 'string' && seen.has(name))
      check.findings.push({ path: [...path, 'name'], message: `two backends are called "${name}"` });
    seen.add(name);
  }
}

function checkListeners(check: Check, owner: At<Fields>): void {
  const hosts = new Set<string>();
  const names = new Set<string>();
  for (const listener of items(owner, 'listeners')) {
    checkTls(check, listener);
    const { value, path } = listener;
    const { hostname, name, namespace } = value;
    const host = typeof hostname === 'string' ? hostname.toLowerCase() : '*';
    if (hosts.has(host)) {
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

/** The Rust gateway has it so, too: what is said beside `listeners` would hold for none of them. */
function checkGatewayTls(check: Check, gateway: At<Fields>): void {
  if (!Array.isArray(gateway.value['listeners'])) return checkTls(check, gateway);
  const key = ['tls', 'protocol'].find((one) => gateway.value[one] !== undefined);
  if (key === undefined || gateway.value[key] === 'HTTP') return;
  check.findings.push({
    path: [...gateway.path, key],
    message: `\`${key}\` has no effect beside \`listeners\``,
    hint: 'give it to each listener',
    onKey: true,
  });
}

function checkTls(check: Check, listener: At<Fields>): void {
  const { protocol, tls: given } = listener.value;
  if (given === undefined && protocol === 'HTTPS') {
    const message = 'HTTPS needs `tls` with a certificate and its key';
    check.findings.push({ path: [...listener.path, 'protocol'], message });
  }
  const tls = member(listener, 'tls');
  if (!tls) return;
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

function checkRoute(check: Check, document: At<Fields>, route: At<Fields>): void {
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

function checkGatewayRefs(check: Check, document: At<Fields>, { value, path }: At<Fields>): void {
  const refs = value['gateways'];
  const gateways = fields(document.value['gateways']) ?? {};
  if (refs === undefined) {
    if (Object.hasOwn(gateways, 'default')) return;
    const hint = 'name its gateways with `gateways:`, or call one of them "default"';
    check.findings.push({ path, message: 'this route stands on no gateway: none is called "default"', hint });
    return;
  }
  const list = Array.isArray(refs) ? refs : [refs];
  list.forEach((ref: unknown, index) => {
    if (typeof ref !== 'string') return;
    const at = Array.isArray(refs) ? [...path, 'gateways', index] : [...path, 'gateways'];
    checkGatewayRef(check, gateways, { value: ref, path: at });
  });
}

function checkGatewayRef(check: Check, gateways: Fields, { value, path }: At<string>): void {
  const { gateway, listener } = splitGatewayRef(value);
  if (!Object.hasOwn(gateways, gateway)) {
    check.findings.push({
      path,
      message: `no gateway is called "${gateway}"`,
      hint: didYouMean(gateway, Object.keys(gateways)),
    });
    return;
  }
  if (listener === undefined) return;
  const owner = fields(gateways[gateway]);
  if (!owner) return;
  const names = items({ value: owner, path: [] }, 'listeners').map((one) => one.value['name']);
  if (names.includes(listener)) return;
  check.findings.push({
    path,
    message: `gateway "${gateway}" has no listener called "${listener}"`,
    hint: didYouMean(listener, names),
  });
}

function oneOf(check: Check, { value, path }: At<Fields>, keys: readonly string[]): void {
  const given = keys.filter((key) => value[key] !== undefined);
  if (given.length === 1) return;
  const second = given[1];
  if (second !== undefined)
    check.findings.push({
      path: [...path, second],
      message: `give only one of ${given.join(', ')}`,
      onKey: true,
    });
  else check.findings.push({ path, message: `expected one of ${keys.join(', ')}`, lacks: true });
}

function kindKeys(check: Check): string[] {
  return check.definitions.backends.map((backend) => backend.key);
}

function didYouMean(name: string, candidates: readonly unknown[]): string | undefined {
  const names = candidates.filter((one) => typeof one === 'string');
  const guess = closest(name, names);
  if (guess !== undefined) return `did you mean "${guess}"?`;
  return names.length > 0 && names.length <= 8 ? `there are: ${names.join(', ')}` : undefined;
}

function* allRoutes(document: At<Fields>): Iterable<At<Fields>> {
  for (const bind of items(document, 'binds')) {
    for (const listener of items(bind, 'listeners')) yield* items(listener, 'routes');
  }
  yield* items(document, 'routes');
}

function member(at: At<Fields>, key: string): At<Fields> | undefined {
  const value = fields(at.value[key]);
  return value && { value, path: [...at.path, key] };
}

function members(at: At<Fields>, key: string): At<Fields>[] {
  const map = member(at, key);
  if (!map) return [];
  return Object.keys(map.value).flatMap((name) => member(map, name) ?? []);
}

function items(at: At<Fields>, key: string): At<Fields>[] {
  const list = at.value[key];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown, index) => {
    const value = fields(item);
    return value ? [{ value, path: [...at.path, key, index] }] : [];
  });
}
