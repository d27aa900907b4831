/** Debian's Chromium, for pages that speak MCP. Reaches nothing but this machine. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Why there can be no browser here; undefined when there can. */
export const noBrowser = (): string | undefined =>
  existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is not installed (Debian: apt-get install chromium)`;

/** `hosts`: names that are to mean this machine. Every other name is unknown, so that pages wait for nothing outside. */
export function startBrowser(hosts: readonly string[] = []): Promise<Browser> {
  const here = hosts.map((host) => `MAP ${host} 127.0.0.1`);
  const rules = [...here, 'MAP * ~NOTFOUND', 'EXCLUDE localhost', 'EXCLUDE 127.0.0.1'].join(',');
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, `--host-resolver-rules=${rules}`] });
}
