/** What a person sees at start: what listens where, and which targets came up. */
import { basename } from 'node:path';
import type { BindPlan, ListenerPlan } from './core/plan.ts';
import { systemClock } from './core/ports.ts';
import type { Listening } from './gateway.ts';
import { redactText } from './lib/secrets.ts';
import { type Run, targetStates } from './run.ts';
import { VERSION } from './version.ts';

/** The screen waits this long for targets to come up; later ones are in the log. */
const PATIENCE_MS = 15_000;
const LOOK_EVERY_MS = 50;

export async function startScreen(run: Run): Promise<string> {
  await targetsTried(run);
  const lines = [`agentgateway ${VERSION}`, ''];
  for (const listening of run.gateway.listening()) lines.push(...describeBind(listening));
  const states = targetStates(run.gateway);
  if (states.length > 0) lines.push('', '  targets');
  const width = Math.max(0, ...states.map(({ name }) => name.length));
  for (const { name, address, state, offers, error } of states) {
    const mark = state === 'up' ? '+' : state === 'down' ? '!' : '~';
    const said = state === 'up' ? describeOffers(offers) : oneLine(error ?? 'still starting');
    lines.push(
      `    ${mark} ${name.padEnd(width)}  ${said}  (${basename(address) === address ? address : shorten(address)})`,
    );
  }
  const served = Object.entries(run.addresses).map(([what, address]) => `${what} ${address}`);
  if (served.length > 0) lines.push('', `  ${served.join('   ')}`);
  return `${lines.join('\n')}\n\n`;
}

async function targetsTried(run: Run): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_EVERY_MS) {
    if (targetStates(run.gateway).every(({ state }) => state !== 'starting')) return;
    await pause(LOOK_EVERY_MS);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.after(ms, resolve));
}

function describeBind({ bind, port }: Listening): string[] {
  const host =
    bind.address === undefined
      ? 'localhost'
      : bind.address.includes(':')
        ? `[${bind.address}]`
        : bind.address;
  const place = `${host}:${port}`;
  // What clients ask for lies elsewhere; a listener only says how they come.
  if (bind.connect === 'tunnel') {
    const scheme = bind.listeners.some(({ tls }) => tls) ? 'https' : 'http';
    return [`  ${scheme}://${place}   CONNECT alone, to the ports of the gateway`];
  }
  if (bind.listeners.length === 0) return [`  http://${place}   without a listener: nothing is served`];
  return bind.listeners.map((listener) => {
    const name = listener.hostname === undefined ? '' : `  (${listener.hostname})`;
    return `  ${SCHEMES[listener.protocol]}://${place}${offered(listener, bind)}${name}`;
  });
}

function offered({ routes }: ListenerPlan, { connect }: BindPlan): string {
  const kinds = new Set(routes.flatMap(({ backends }) => backends.map(({ kind }) => kind)));
  const mcp = kinds.has('mcp') ? '/mcp   and /sse for old clients' : '';
  if (!kinds.has('dynamic')) return mcp;
  return `${mcp}   forward proxy${connect === 'route' ? ', CONNECT as well' : ''}`;
}

const SCHEMES = { HTTP: 'http', HTTPS: 'https', TCP: 'tcp', TLS: 'tls' } as const;

/** The name stands beside it already, and a server may have answered with a page. */
function oneLine(error: string): string {
  const text = redactText(error.replace(/^target "[^"]*": /, '').replace(/\s+/g, ' '));
  return text.length <= 200 ? text : `${text.slice(0, 197)}...`;
}

function describeOffers(offers: object): string {
  const parts = Object.entries(offers as Record<string, number>).filter(([, count]) => count > 0);
  return parts.length === 0
    ? 'up, offers nothing yet'
    : parts.map(([what, count]) => `${count} ${what}`).join(', ');
}

function shorten(address: string): string {
  return address.length <= 60 ? address : `${address.slice(0, 57)}...`;
}
