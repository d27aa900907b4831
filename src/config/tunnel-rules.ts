/** What holds for ports that take CONNECT and lead elsewhere in the gateway. */
import { effectiveProtocol, isHttp } from './listener-tls.ts';
import type { Fields } from './references.ts';
import { type At, type Check, items, member, members } from './rule-walk.ts';

export function checkTunnels(check: Check, document: At<Fields>): void {
  for (const bind of items(document, 'binds'))
    if (bind.value['tunnelProtocol'] === 'connect') checkEntrance(check, bind);
  const frontend = member(document, 'frontendPolicies');
  const connect = frontend && member(frontend, 'connect');
  if (connect?.value['mode'] !== 'tunnel') return;
  const open = items(document, 'binds').filter(({ value }) => value['mode'] !== 'internal');
  for (const owner of [...open, ...members(document, 'gateways')])
    for (const listener of [owner, ...items(owner, 'listeners')]) {
      if (isHttp(effectiveProtocol(listener.value))) continue;
      const message = 'with `frontendPolicies.connect.mode: tunnel` a port that is open takes CONNECT alone';
      const hint = 'put it under a bind of `mode: internal`, or give `tunnelProtocol: connect` to one bind';
      check.findings.push({ path: [...listener.path, 'protocol'], message, hint });
    }
}

/** Whoever wrote routes or rules there believes that they are kept. */
function checkEntrance(check: Check, bind: At<Fields>): void {
  const find = (path: At<Fields>['path'], message: string, hint?: string): void =>
    void check.findings.push({ path, message, hint, onKey: true });
  if (bind.value['mode'] === 'internal')
    find([...bind.path, 'tunnelProtocol'], 'nobody connects to an internal bind: `connect` has no effect');
  for (const listener of items(bind, 'listeners')) {
    if (!isHttp(effectiveProtocol(listener.value)))
      find(
        [...listener.path, 'protocol'],
        'CONNECT is HTTP: `HTTP` or `HTTPS` is expected with `tunnelProtocol: connect`',
      );
    for (const key of ['routes', 'tcpRoutes', 'policies']) {
      if (listener.value[key] === undefined) continue;
      const hint = 'put them under the bind of the port that clients ask for';
      find([...listener.path, key], `\`${key}\` have no effect with \`tunnelProtocol: connect\``, hint);
    }
  }
}
