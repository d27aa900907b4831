/** Text of a description, and of the files it refers to where they may be read, as a document. */
import { bundle, type Surroundings } from '../../openapi/bundle.ts';
import { type ApiDocument, documentOf, readDocument } from '../../openapi/document.ts';
import { parseText } from '../../openapi/text.ts';

/** Rejects with GatewayError CONFIG_INVALID. Without `surroundings` references to other files are refused one by one. */
export async function openDocument(
  text: string,
  surroundings: Surroundings | undefined,
): Promise<ApiDocument> {
  return surroundings ? documentOf(await bundle(parseText(text), surroundings)) : readDocument(text);
}
