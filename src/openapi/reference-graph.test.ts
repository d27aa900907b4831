import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SEED } from '../../test/fixtures/json-samples.ts';
import { ReferenceGraph } from './reference-graph.ts';
import { References } from './references.ts';

const NODES = 7;
const graphs = fc.array(fc.array(fc.nat(NODES), { maxLength: 3 }), { minLength: NODES, maxLength: NODES });
const pointer = (node: number): string => `#/nodes/${node}`;

/** Whether a way leads from one node to the other, by trying all. */
function leads(edges: readonly number[][], from: number, to: number): boolean {
  const seen = new Set<number>();
  const visit = (node: number): boolean =>
    (edges[node] ?? []).some((next) => next === to || (!seen.has(next) && seen.add(next) && visit(next)));
  return visit(from);
}

test('what leads back to itself is known, in whatever order it is asked for', () => {
  fc.assert(
    fc.property(graphs, fc.shuffledSubarray([...Array(NODES).keys()]), (edges, asked) => {
      const nodes = edges.map((refs) => refs.map((to) => ({ $ref: pointer(to) })));
      const graph = new ReferenceGraph(new References({ nodes }));
      const size = (node: number): number =>
        // A list, and in it objects with a text each.
        (edges[node] ?? []).reduce((sum, to) => sum + 2 + (leads(edges, to, to) ? 1 : size(to)), 1);
      for (const node of asked) {
        assert.equal(
          graph.isRecursive(pointer(node)),
          leads(edges, node, node),
          `${node} in ${JSON.stringify(edges)}`,
        );
        if (!leads(edges, node, node))
          assert.equal(graph.size(pointer(node)), size(node), `size of ${node} in ${JSON.stringify(edges)}`);
      }
    }),
    { seed: SEED, numRuns: 2000 },
  );
});
