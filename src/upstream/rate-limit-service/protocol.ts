/**
 * What is spoken of Envoy's rate limit service (envoy.service.ratelimit.v3, rls.proto): the messages and fields that a
 * client of it needs, by their numbers. Loaded only where such a service is configured.
 * https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/ratelimit/v3/rls.proto
 */
import { create, createFileRegistry, type DescMethodUnary, type DescService } from '@bufbuild/protobuf';
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

const PACKAGE = 'envoy.service.ratelimit.v3';
const FILE = 'envoy/service/ratelimit/v3/rls.proto';

/** Name, number, type; `[]` for lists. A type that is none of the scalar ones names a message. */
type Field = readonly [name: string, number: number, type: string];

const SCALARS: Readonly<Record<string, Type>> = {
  bytes: Type.BYTES,
  // Enums are numbers on the wire, and stay numbers where one says what it does not know.
  enum: Type.INT32,
  int64: Type.INT64,
  string: Type.STRING,
  uint32: Type.UINT32,
  uint64: Type.UINT64,
};

const MESSAGES: Readonly<Record<string, readonly Field[]>> = {
  RateLimitRequest: [
    ['domain', 1, 'string'],
    ['descriptors', 2, 'Descriptor[]'],
    ['hits_addend', 3, 'uint32'],
  ],
  Descriptor: [
    ['entries', 1, 'Entry[]'],
    ['limit', 2, 'Override'],
    ['hits_addend', 3, 'UInt64Value'],
  ],
  Entry: [
    ['key', 1, 'string'],
    ['value', 2, 'string'],
  ],
  Override: [
    ['requests_per_unit', 1, 'uint32'],
    ['unit', 2, 'enum'],
  ],
  UInt64Value: [['value', 1, 'uint64']],
  RateLimitResponse: [
    ['overall_code', 1, 'enum'],
    ['statuses', 2, 'DescriptorStatus[]'],
    ['response_headers_to_add', 3, 'HeaderValue[]'],
    ['request_headers_to_add', 4, 'HeaderValue[]'],
    ['raw_body', 5, 'bytes'],
  ],
  DescriptorStatus: [
    ['code', 1, 'enum'],
    ['current_limit', 2, 'RateLimit'],
    ['limit_remaining', 3, 'uint32'],
    ['duration_until_reset', 4, 'Duration'],
  ],
  RateLimit: [
    ['requests_per_unit', 1, 'uint32'],
    ['unit', 2, 'enum'],
    ['name', 3, 'string'],
  ],
  Duration: [
    ['seconds', 1, 'int64'],
    ['nanos', 2, 'enum'],
  ],
  HeaderValue: [
    ['key', 1, 'string'],
    ['value', 2, 'string'],
    ['raw_value', 3, 'bytes'],
  ],
};

/** The one method of the service, as Connect takes it. */
export interface RateLimitService extends DescService {
  readonly method: { readonly shouldRateLimit: DescMethodUnary };
}

export function rateLimitService(): RateLimitService {
  const file = create(FileDescriptorProtoSchema, {
    name: FILE,
    package: PACKAGE,
    syntax: 'proto3',
    messageType: Object.entries(MESSAGES).map(([name, fields]) => ({ name, field: fields.map(fieldOf) })),
    service: [
      {
        name: 'RateLimitService',
        method: [
          {
            name: 'ShouldRateLimit',
            inputType: `.${PACKAGE}.RateLimitRequest`,
            outputType: `.${PACKAGE}.RateLimitResponse`,
          },
        ],
      },
    ],
  });
  const registry = createFileRegistry(file, () => undefined);
  return registry.getService(`${PACKAGE}.RateLimitService`) as RateLimitService;
}

function fieldOf([name, number, written]: Field) {
  const repeated = written.endsWith('[]');
  const named = repeated ? written.slice(0, -2) : written;
  const scalar = SCALARS[named];
  return {
    name,
    number,
    label: repeated ? Label.REPEATED : Label.OPTIONAL,
    type: scalar ?? Type.MESSAGE,
    ...(scalar === undefined && { typeName: `.${PACKAGE}.${named}` }),
  };
}
