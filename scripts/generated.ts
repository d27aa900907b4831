/** What is generated from the code and committed: path in the project and content. A test keeps it current. */
import { configJsonSchema, documentJsonSchema } from '../src/config/json-schema.ts';
import { withSharedParts } from '../src/config/shared-schemas.ts';
import { standard } from '../src/standard.ts';
import { celPage } from './cel-page.ts';
import { configurationPage, limitsPage } from './reference.ts';
import { wirePage } from './wire-page.ts';

export function generatedFiles(): { path: string; text: string }[] {
  const schema = documentJsonSchema(standard);
  return [
    {
      path: 'schema/config.json',
      text: `${JSON.stringify(withSharedParts(configJsonSchema(standard)), null, 2)}\n`,
    },
    { path: 'docs/reference/configuration.md', text: configurationPage(schema) },
    { path: 'docs/reference/cel.md', text: celPage() },
    { path: 'docs/reference/limits.md', text: limitsPage(schema) },
    { path: 'docs/reference/wire.md', text: wirePage() },
  ];
}
