/** What a check asks, and whether an answer says that all is well. Pure. */
import type { ProbeAnswer, ProbeQuestion } from '../../core/probe.ts';
import { replyHeader } from '../../upstream/http.ts';
import { type CheckConfig, isExpected } from './check-schema.ts';

export interface CheckQuestion {
  readonly ask: ProbeQuestion;
  /** What is wrong with an answer; undefined: nothing. */
  problem(answer: ProbeAnswer): string | undefined;
}

const AGENT = ['user-agent', 'agentgateway-health'] as const;
/** grpc/grpc, doc/health-checking.md. */
const GRPC_PATH = '/grpc.health.v1.Health/Check';
const STATES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;

/** undefined: a connection is enough. */
export function questionOf(check: CheckConfig): CheckQuestion | undefined {
  const { path, grpc, method = 'GET', headers = {} } = check;
  const host = check.host === undefined ? [] : ['host', check.host];
  if (grpc) return grpcQuestion(grpc.service, host);
  if (path === undefined) return undefined;
  const own = Object.entries(headers).flat();
  const agent = Object.keys(headers).some((name) => name.toLowerCase() === 'user-agent') ? [] : AGENT;
  return {
    ask: { method, path, headers: [...host, ...agent, ...own], body: undefined, http2: false },
    problem: ({ status }) => (isExpected(status, check) ? undefined : `it answers ${status}`),
  };
}

function grpcQuestion(service: string, host: readonly string[]): CheckQuestion {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const headers = [...host, ...AGENT, 'content-type', 'application/grpc', 'te', 'trailers'];
  return {
    ask: { method: 'POST', path: GRPC_PATH, headers, body: Buffer.concat([head, message]), http2: true },
    problem: grpcProblem,
  };
}

function grpcProblem({ status, headers, body, trailers }: ProbeAnswer): string | undefined {
  if (status !== 200) return `it answers ${status}`;
  const code =
    replyHeader({ headers: trailers ?? [] }, 'grpc-status') ?? replyHeader({ headers }, 'grpc-status');
  if (code === '12') return 'it has no health service of gRPC';
  if (code !== '0') return `it answers grpc-status ${code ?? 'missing'}`;
  // One field: `status` is 1, a varint. Left out it is 0.
  const state = body && body.length >= 7 && body[5] === 0x08 ? (body[6] as number) : 0;
  return state === SERVING ? undefined : `it says ${STATES[state] ?? state}`;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}
