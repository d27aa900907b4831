/** The method of a request, as a route asks for it. */
import { z } from 'zod';

/** Any other word may be a method, and would never be asked for. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE', 'QUERY'];

export const methodSchema = z
  .string()
  .superRefine((method, context) => {
    const usual = METHODS.find((one) => one === method.toUpperCase());
    if (/^[!#$%&'*+.^_`|~\w-]+$/.test(method) && (usual ?? method) === method) return;
    const message =
      usual === undefined
        ? 'expected a method such as GET'
        : `never matches: methods are case-sensitive. Write \`${usual}\``;
    context.addIssue({ code: 'custom', message, input: method });
  })
  .meta({ description: 'Such as `GET`.' });
