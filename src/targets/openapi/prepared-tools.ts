/**
 * How calls of the tools of one description become requests. What is needed for a tool is taken out of the description
 * when it is called first: most of a large API is never called.
 */
import { conformityTo } from '../../openapi/conformity.ts';
import { type BuilderOptions, type RequestBuilder, requestBuilder } from '../../openapi/request.ts';
import type { ExpectedOutput } from '../../openapi/result.ts';
import { planAt, type Reading } from './reading.ts';

export interface PreparedTool {
  readonly build: RequestBuilder;
  readonly output: ExpectedOutput | undefined;
}

export class PreparedTools {
  readonly #reading: Pick<Reading, 'plans' | 'ends'>;
  readonly #options: BuilderOptions;
  readonly #positions: ReadonlyMap<string, number>;
  readonly #made = new Map<string, PreparedTool>();

  constructor({ names, plans, ends }: Reading, options: BuilderOptions) {
    this.#reading = { plans, ends };
    this.#options = options;
    this.#positions = new Map(names.map((name, position) => [name, position]));
  }

  get size(): number {
    return this.#positions.size;
  }

  get(name: string): PreparedTool | undefined {
    return this.#made.get(name) ?? this.#make(name);
  }

  #make(name: string): PreparedTool | undefined {
    const position = this.#positions.get(name);
    if (position === undefined) return undefined;
    const plan = planAt(this.#reading, position);
    const { output } = plan;
    const made = {
      build: requestBuilder(plan, this.#options),
      output: output && { wrapped: output.wrapped, faultOf: conformityTo(output.schema) },
    };
    this.#made.set(name, made);
    return made;
  }
}
