/** The `authorization` key. */
import { z } from 'zod';
import { rulesSchema } from '../../expr/schema.ts';

export const authorizationSchema = z.strictObject({ rules: rulesSchema });
