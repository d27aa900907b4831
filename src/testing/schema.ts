/** The `memory` key of a target, which only test gateways have. */
import { z } from 'zod';

export function memorySchema(names: readonly string[]) {
  return z.enum(names).meta({ description: 'Name of a server that the test has given.' });
}
