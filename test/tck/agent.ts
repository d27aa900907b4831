/**
 * The agent that the official test kit (TCK) tries: the SDK's, on the places that the kit expects (JSON-RPC and
 * HTTP+JSON at the root, gRPC without TLS), at work as long as the kit asks.
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type AgentCard, type Task, TaskState } from '@a2a-js/sdk';
import { duplicateInterfacesForLegacy } from '@a2a-js/sdk/compat/v0_3';
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  type ExecutionEventBus,
  InMemoryPushNotificationStore,
  InMemoryTaskStore,
  type RequestContext,
} from '@a2a-js/sdk/server';
import { agentCardHandler, jsonRpcHandler, restHandler, UserBuilder } from '@a2a-js/sdk/server/express';
import express from 'express';
import { grpcPlace } from '../fixtures/a2a-grpc.ts';

export type Line = '1.0' | '0.3';

export interface TriedAgent {
  readonly port: number;
  readonly grpcPort: number;
  close(): Promise<void>;
}

export interface TriedAgentOptions {
  readonly line: Line;
  /** How long the tasks are at work that the kit wants to meet at work. */
  readonly longMs: number;
}

export async function startTriedAgent({ line, longMs }: TriedAgentOptions): Promise<TriedAgent> {
  const app = express();
  const server = createServer(app as unknown as RequestListener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const place = await grpcPlace({ tls: false });
  const requestHandler = new DefaultRequestHandler(
    cardOf(`http://127.0.0.1:${port}`, `http://127.0.0.1:${place.port}`),
    new InMemoryTaskStore(),
    new Worker(longMs),
    undefined,
    new InMemoryPushNotificationStore(),
    { send: async () => {} },
    cardOf(`http://127.0.0.1:${port}`, `http://127.0.0.1:${place.port}`),
  );
  // The kit of 1.0 says no version, which means 0.3.
  app.use((request, _response, next) => {
    request.headers['a2a-version'] ??= line;
    next();
  });
  const legacyCompat = { enabled: true };
  const parts = { requestHandler, userBuilder: UserBuilder.noAuthentication, legacyCompat };
  const cards = agentCardHandler({ agentCardProvider: requestHandler, legacyCompat });
  app.use('/.well-known/agent-card.json', cards);
  app.use('/.well-known/agent.json', cards);
  const rpc = jsonRpcHandler(parts);
  app.use((request, response, next) => (request.path === '/' ? rpc(request, response, next) : next()));
  app.use(restHandler(parts));
  const grpc = place.serve(requestHandler);
  return {
    port,
    grpcPort: place.port,
    close() {
      grpc.close();
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** `grpc` is a URL as well: the kit finds no host in anything else. */
function cardOf(base: string, grpc: string): AgentCard {
  const at = (url: string, protocolBinding: string) => ({
    url,
    protocolBinding,
    tenant: '',
    protocolVersion: '1.0',
  });
  return {
    name: 'Tried agent',
    description: 'Is tried by the test kit',
    supportedInterfaces: duplicateInterfacesForLegacy(
      [at(base, 'JSONRPC'), at(base, 'HTTP+JSON'), at(grpc, 'GRPC')],
      ['JSONRPC', 'HTTP+JSON', 'GRPC'],
    ),
    provider: { organization: 'Tests', url: 'https://example.com/tests' },
    version: '1.0.0',
    capabilities: { streaming: true, pushNotifications: true, extensions: [], extendedAgentCard: true },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [
      {
        id: 'echo',
        name: 'Echo',
        description: 'Says it again',
        tags: ['test'],
        examples: ['hello'],
        inputModes: [],
        outputModes: [],
        securityRequirements: [],
      },
    ],
    documentationUrl: 'https://example.com/docs',
    signatures: [],
  } as unknown as AgentCard;
}

/** Long enough for the kit to see a task as it begins. */
const SHORT_MS = 300;

/** Leaves its tasks at work, as the kit wants to meet them, unless it waits for the end of one. */
class Worker implements AgentExecutor {
  readonly #longMs: number;
  readonly #cancels = new Map<string, () => void>();

  constructor(longMs: number) {
    this.#longMs = longMs;
  }

  cancelTask = async (taskId: string, bus: ExecutionEventBus): Promise<void> => {
    const cancel = this.#cancels.get(taskId);
    if (cancel) cancel();
    else say(bus, { taskId, contextId: '' }, TaskState.TASK_STATE_CANCELED);
  };

  async execute(context: RequestContext, bus: ExecutionEventBus): Promise<void> {
    const { taskId, contextId, userMessage } = context;
    const task: Task = context.task ?? {
      id: taskId,
      contextId,
      status: statusOf(TaskState.TASK_STATE_SUBMITTED),
      artifacts: [],
      history: [userMessage],
      metadata: undefined,
    };
    bus.publish(AgentEvent.task(task));
    say(bus, context, TaskState.TASK_STATE_WORKING);
    const isLong = userMessage.messageId.startsWith('test-resubscribe');
    const cancelled = new Promise<TaskState>((resolve) => {
      this.#cancels.set(taskId, () => resolve(TaskState.TASK_STATE_CANCELED));
    });
    const end = await Promise.race([cancelled, pause(isLong ? this.#longMs : SHORT_MS)]);
    this.#cancels.delete(taskId);
    if (end !== undefined || isLong) say(bus, context, end ?? TaskState.TASK_STATE_COMPLETED);
  }
}

function say(bus: ExecutionEventBus, { taskId, contextId }: Named, state: TaskState): void {
  bus.publish(AgentEvent.statusUpdate({ taskId, contextId, status: statusOf(state), metadata: undefined }));
}

type Named = Pick<RequestContext, 'taskId' | 'contextId'>;

function statusOf(state: TaskState) {
  return { state, timestamp: new Date().toISOString(), message: undefined };
}
