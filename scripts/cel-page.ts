/** Renders docs/reference/cel.md from the tables of expressions. Pure: text in, text out. */
import { LIMITS } from '../src/core/limits.ts';
import { FUNCTIONS, type FunctionGroup } from '../src/expr/functions.ts';
import { LATER_ROOTS, PLACES, type Place, type Variable, type Variables } from '../src/expr/places.ts';
import { GENERATED } from './reference.ts';

const INTRODUCTION = `# Expressions

${GENERATED}

Rules and values that depend on a request are written in [CEL](https://cel.dev): \`jwt.sub == "ann"\`,
\`mcp.tool.name.startsWith("get_") && "dev" in jwt.groups\`.

An expression is compiled when the configuration is loaded. A name that does not exist, a wrong number of arguments, a
pattern or address that is none: all of that is an error then, with its place, and not on the first request. What is
marked *not yet* is known to the Rust gateway, so configurations written for it get an answer that says so.

- A variable that has no value is \`null\`: \`jwt == null\` for a client without a token. A field of it is missing.
- A field that is missing is an error; \`has(jwt.email)\` asks for it, \`default(jwt.email, "")\` stands in for it. \`has\`
  is false for a field that is \`null\`, too.
- An error that decides nothing is forgotten: \`jwt.admin || request.method == "GET"\` holds for every GET.
- Whole numbers of tokens, arguments and JSON are ints, all others doubles. They can be compared, \`1 == 1.0\`, but not
  put together: \`double(1) + 1.5\`.
- Fields whose names are no identifiers are written \`request.headers["x-team"]\`.
- Patterns are RE2: they are found anywhere in a text unless \`^\` and \`$\` say otherwise, and take linear time.

Secrets print as \`<redacted>\`, cannot be compared or put together by accident, and become a text by \`.unredacted()\`. In
logs, headers such as \`authorization\` and cookies are secrets too.
`;

export function celPage(): string {
  return [
    INTRODUCTION,
    '## Variables',
    '',
    `Which exist depends on where an expression stands: ${Object.values(PLACES).map(described).join('; ')}.`,
    '',
    ...Object.entries(allRoots()).flatMap(([name, root]) => rootSection(name, root)),
    '### Not yet',
    '',
    '| Variable | Meaning |',
    '|---|---|',
    ...Object.entries(LATER_ROOTS).map(([name, { what }]) => `| \`${name}\` | ${what} |`),
    '',
    '## Functions',
    '',
    '`x` is the value a function is called on.',
    '',
    ...FUNCTIONS.flatMap(functionSection),
    '## Limits',
    '',
    ...limits(),
    '',
  ].join('\n');
}

function described({ name, what }: Place): string {
  return `*${name}* (${what})`;
}

/** In the order of the richest place. */
function allRoots(): Variables {
  return Object.assign({}, PLACES.log.roots, ...Object.values(PLACES).map(({ roots }) => roots)) as Variables;
}

function rootSection(name: string, root: Variable): string[] {
  const places = Object.values(PLACES as Readonly<Record<string, Place>>).filter(
    ({ roots }) => name in roots,
  );
  const rows = fieldRows(name, root.fields ?? {});
  return [
    `### ${name}`,
    '',
    `${root.what} In: ${places.map((place) => place.name).join(', ')}.`,
    '',
    '| Field | Type | Meaning |',
    '|---|---|---|',
    ...rows,
    '',
  ];
}

function fieldRows(before: string, fields: Variables): string[] {
  return Object.entries(fields).flatMap(([name, variable]) => {
    const path = `${before}.${name}`;
    const kind = variable.later ? '*not yet*' : variable.kind;
    return [`| \`${path}\` | ${kind} | ${variable.what} |`, ...fieldRows(path, variable.fields ?? {})];
  });
}

function functionSection({ title, entries }: FunctionGroup): string[] {
  const rows = entries.map(({ forms, what, later }) => {
    const calls = forms.map((form) => `\`${form.replaceAll('|', '\\|')}\``).join(', ');
    return `| ${calls} | ${later ? '*Not yet.* ' : ''}${what} |`;
  });
  return [`### ${title}`, '', '| Call | Meaning |', '|---|---|', ...rows, ''];
}

function limits(): string[] {
  const { expressionSource, expressionNodes, expressionDepth, expressionSteps, expressionText } = LIMITS;
  const number = ({ value }: { readonly value: number }): string => value.toLocaleString('en-US');
  return [
    `An expression has at most ${number(expressionSource)} bytes and ${number(expressionNodes)} parts, nested at most`,
    `${number(expressionDepth)} deep. One evaluation does at most ${number(expressionSteps)} steps of work and makes no text`,
    `of more than ${number(expressionText)} characters; beyond that it fails, whatever the expression would make of the`,
    'error. A step is one element that a macro visits, times the parts of its body; long texts and lists cost steps by',
    'their size, regular expressions by the size of the text times that of the pattern (about 50,000 characters for a',
    'simple one).',
  ];
}
