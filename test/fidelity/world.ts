/** Our own upstream of one era, one directly and one behind the gateway, with a client for each. */
import { fileURLToPath } from 'node:url';
import type { Era } from '../../src/mcp/revisions.ts';
import { startHttpFixture } from '../fixtures/everything-server/http.ts';
import { WATCHED } from '../fixtures/everything-server/tools.ts';
import { startGateway } from '../fixtures/gateway.ts';
import { type RawServer, startRawServer } from '../fixtures/raw-server/http.ts';
import { erasOf, type Place, type Way } from './case.ts';
import type { Client } from './client.ts';
import type { Clients } from './compare.ts';
import type { Headers } from './connection.ts';
import { LegacyClient } from './legacy-client.ts';
import { ModernClient } from './modern-client.ts';
import { neighbourOptions, upstreamOptions } from './upstream.ts';

export interface World {
  readonly clients: Clients;
  close(): Promise<void>;
}

export const clientOf = (era: Era, url: string, headers?: Headers): Client =>
  era === 'legacy' ? new LegacyClient(url, headers) : new ModernClient(url, headers);

/** The client that is asked directly speaks the era of the server. */
export async function openWorld(place: Place): Promise<World> {
  const opening = place.way === 'sdk' ? openSdk : openRaw;
  const closing: Close[] = [];
  const close = async (): Promise<void> => {
    for (const each of closing.splice(0).reverse()) await each();
  };
  try {
    return { clients: await opening(place, closing), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Close = () => Promise<unknown> | unknown;

async function openSdk({ pair }: Place, closing: Close[]): Promise<Clients> {
  const { client, server } = erasOf(pair);
  const [measure, upstream] = [
    await startHttpFixture({ port: 0, eras: server }),
    await startHttpFixture({ port: 0, eras: server }),
  ];
  closing.push(...[measure, upstream].map((each) => () => each.close()));
  const gateway = await startGateway({ mcp: { targets: [{ name: 'sdk', mcp: { host: upstream.url } }] } });
  closing.push(() => gateway.stop());
  const [direct, through] = [clientOf(server, measure.url), clientOf(client, gateway.url)];
  closing.push(() => [direct, through].map((each) => each.close()));
  return { direct, through, headers: () => undefined, watched: WATCHED };
}

async function openRaw({ pair, way }: Place, closing: Close[]): Promise<Clients> {
  const eras = erasOf(pair);
  // Two of them: what one client makes a modern server say is heard by all who listen.
  const measure = await startRawServer(upstreamOptions(eras.server));
  const upstream = await startRawServer(upstreamOptions(eras.server));
  // Of the other era, so that what is merged is a mixed fleet.
  const neighbour = await startRawServer(neighbourOptions(eras.server === 'legacy' ? 'modern' : 'legacy'));
  closing.push(...[measure, upstream, neighbour].map((server) => () => server.close()));
  const gateway = await startGateway({ mcp: { targets: targetsOf(way, { eras, upstream, neighbour }) } });
  closing.push(() => gateway.stop());
  const direct = clientOf(eras.server, measure.url);
  const through = clientOf(eras.client, gateway.url);
  closing.push(() => [direct, through].map((client) => client.close()));
  const headers = way === 'http' || way === 'merged' ? () => lastHeaders(upstream) : () => undefined;
  return { direct, through, headers, watched: 'raw://one' };
}

interface Servers {
  readonly eras: { readonly server: Era };
  readonly upstream: RawServer;
  readonly neighbour: RawServer;
}

function targetsOf(way: Way, { eras, upstream, neighbour }: Servers): unknown[] {
  const stdio = fileURLToPath(new URL('../fixtures/raw-server/stdio.js', import.meta.url));
  const name = 'raw';
  switch (way) {
    case 'http':
    case 'sdk':
      return [{ name, mcp: { host: upstream.url } }];
    case 'sse':
      return [{ name, sse: { host: upstream.sseUrl } }];
    case 'stdio': {
      const args = [stdio, JSON.stringify(upstreamOptions(eras.server))];
      return [{ name, stdio: { cmd: process.execPath, args } }];
    }
    case 'merged':
      return [
        { name, mcp: { host: upstream.url } },
        { name: 'neighbour', mcp: { host: neighbour.url } },
      ];
  }
}

function lastHeaders(upstream: RawServer): Headers | undefined {
  const last = upstream.control.received().findLast(({ method }) => method === 'tools/call');
  return last?.headers as Headers | undefined;
}
