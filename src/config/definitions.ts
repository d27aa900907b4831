/** What the document schema is composed from: every policy and backend that ships, or that an embedder adds. */
import type { BackendDefinition } from '../core/backend.ts';
import type { PolicyDefinition } from '../core/policy.ts';

export interface Definitions {
  readonly policies: readonly PolicyDefinition[];
  readonly backends: readonly BackendDefinition[];
}
