/**
 * Where expressions differ from the CEL specification, by the path of a case or of a group of cases. Entries that no
 * longer differ fail the test.
 */

const MESSAGES = 'about protobuf messages, which expressions here have none of';

/** Whole suites that are about something else. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  proto2: MESSAGES,
  proto2_ext: MESSAGES,
  proto3: MESSAGES,
  enums: MESSAGES,
  wrappers: MESSAGES,
  dynamic: MESSAGES,
  type_deductions: 'about a type checker',
  unknowns: 'empty',
  block_ext: '`cel.block` is made by optimizers, not written',
  macros2: 'macros of two variables, which the evaluator does not have',
  optionals: 'optional values, which the evaluator does not have',
};

const AT_LOAD = 'an unknown name is an error when the expression is compiled, not when it is evaluated';
const QUOTED = 'the parser does not know fields in backticks; x["a-b"] says the same';

export const KNOWN: Readonly<Record<string, string>> = {
  'basic/variables/unbound_is_runtime_error': AT_LOAD,
  'basic/functions/unbound_is_runtime_error': AT_LOAD,
  'parse/receiver_function_names/': AT_LOAD,
  'fields/quoted_map_fields/': QUOTED,
  'fields/qualified_identifier_resolution/map_value_repeat_key_heterogeneous':
    'the evaluator takes 0 and 0u for two keys of a map',
};
