/** Headers that no argument of a tool becomes. */

/**
 * Said by the gateway, by its credentials, or by how the message is sent. OpenAPI, too, has a parameter called Accept,
 * Content-Type or Authorization ignored: other parts of the document say these.
 */
const PROTECTED =
  /^(?:host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept|accept-encoding|authorization|cookie|via|forwarded|x-forwarded-.*|x-real-ip|proxy-.*|http2-settings)$/i;

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function isProtectedHeader(name: string): boolean {
  return PROTECTED.test(name) || !TOKEN.test(name);
}
