/** Text of a description, and of the files it refers to where they may be read, as a document. */
import { asGatewayError, GatewayError } from '../../core/errors.ts';
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

/** What is wrong with a document, by where the document is: text alone does not know. */
export function at(place: string, cause: unknown): GatewayError {
  const error = asGatewayError(cause);
  if (error.code !== 'CONFIG_INVALID') return error;
  return new GatewayError(error.code, `${place}: ${error.message}`, { cause });
}
