/** The scope of a connection whose bytes are passed on. Nothing is computed before an expression comes to it. */
import type { Connection } from '../core/connection.ts';
import type { Scope } from './expression.ts';
import { LazyRecord } from './lazy-record.ts';
import { PLACES, type Variables } from './places.ts';

const { source, destination } = PLACES.connection.roots;
const FIELDS = { source: declared(source.fields), destination: declared(destination.fields) };

export function connectionScope({ client, tls, destination: asked, local, serverName }: Connection): Scope {
  const { address, port } = asked ?? local;
  const to: Readonly<Record<string, unknown>> = { hostname: serverName, address, port };
  return {
    source: new LazyRecord(FIELDS.source, (name) => {
      if (name === 'address' || name === 'port') return client[name];
      return tls?.certificate?.[name as keyof typeof tls.certificate];
    }),
    destination: new LazyRecord(FIELDS.destination, (name) => to[name]),
  };
}

function declared(fields: Variables = {}): string[] {
  return Object.entries(fields).flatMap(([name, { later }]) => (later ? [] : [name]));
}
