/**
 * Values that are more than their text: addresses, networks, secrets. CEL knows foreign types as protobuf messages, so
 * each has a message type, made here instead of by a generator.
 */
import { type CelValue, objectType } from '@bufbuild/cel';
import { create, createFileRegistry, type DescMessage, type Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type Cidr, formatCidr, formatIp } from '../../lib/ip.ts';
import { MASKED } from '../secret.ts';
import { Fault } from './frame.ts';

/** The types of the Kubernetes and cel-go libraries for addresses, and ours for secrets. */
const NAMES = { ip: 'net.IP', cidr: 'net.CIDR', secret: 'agentgateway.Secret' } as const;

export const registry = createFileRegistry(
  create(FileDescriptorSetSchema, {
    file: Object.values(NAMES).map((name) => {
      const [scope, message] = name.split('.');
      return create(FileDescriptorProtoSchema, {
        name: `${name}.proto`,
        package: scope as string,
        syntax: 'proto3',
        // One field, so that messages are equal when their values are.
        messageType: [
          {
            name: message as string,
            field: [{ name: 'text', number: 1, label: 1, type: 9, jsonName: 'text' }],
          },
        ],
      });
    }),
  }),
);

const DESCRIPTIONS = {
  ip: registry.getMessage(NAMES.ip) as DescMessage,
  cidr: registry.getMessage(NAMES.cidr) as DescMessage,
  secret: registry.getMessage(NAMES.secret) as DescMessage,
};

export const IP = objectType(DESCRIPTIONS.ip);
export const CIDR = objectType(DESCRIPTIONS.cidr);
export const SECRET = objectType(DESCRIPTIONS.secret);

/** Beside the messages, not in them: `x.text` must not be a way to a secret. */
const addresses = new WeakMap<Message, Uint8Array>();
const networks = new WeakMap<Message, Cidr>();
const secrets = new WeakMap<Message, string>();

export function ipValue(address: Uint8Array): ReflectMessage {
  const value = make(DESCRIPTIONS.ip, formatIp(address));
  addresses.set(value.message, address);
  return value;
}

export function cidrValue(network: Cidr): ReflectMessage {
  const value = make(DESCRIPTIONS.cidr, formatCidr(network));
  networks.set(value.message, network);
  return value;
}

export function secretValue(text: string): ReflectMessage {
  const value = make(DESCRIPTIONS.secret, MASKED);
  secrets.set(value.message, text);
  return value;
}

export const addressOf = (value: ReflectMessage): Uint8Array => found(addresses.get(value.message));
export const networkOf = (value: ReflectMessage): Cidr => found(networks.get(value.message));
export const secretOf = (value: ReflectMessage): string => found(secrets.get(value.message));

export function isSecret(value: CelValue): boolean {
  return (
    typeof value === 'object' && value !== null && 'message' in value && secrets.has(value.message as Message)
  );
}

/** What an address, a network or a secret prints as; undefined for any other message. */
export function opaqueText({ message }: ReflectMessage): string | undefined {
  const address = addresses.get(message);
  if (address) return formatIp(address);
  const network = networks.get(message);
  if (network) return formatCidr(network);
  return secrets.has(message) ? MASKED : undefined;
}

function make(description: DescMessage, text: string): ReflectMessage {
  return reflect(description, create(description, { text } as Record<string, unknown>));
}

/** Messages of these types that an expression itself put together hold nothing. */
function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Fault('an empty value');
  return value;
}
