#!/usr/bin/env node
/** The command line: the only place that touches the process. Exit codes: 0, 1 (failed), 2 (bad arguments or configuration). */
import { isAbsolute, join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError, formatDiagnostics } from './config/diagnostics.ts';
import { configJsonSchema } from './config/json-schema.ts';
import { withSharedParts } from './config/shared-schemas.ts';
import { GatewayError } from './core/errors.ts';
import { systemClock } from './core/ports.ts';
import type { ExplainFlags } from './explain/command.ts';
import { QuestionError } from './explain/question.ts';
import type { OpenapiFlags } from './openapi-command.ts';
import {
  type ConfigInput,
  checkPlan,
  type Host,
  quietPorts,
  type Run,
  readConfigFile,
  readWhole,
  run,
} from './run.ts';
import { standard } from './standard.ts';
import { startScreen } from './start-screen.ts';
import { serveStdio } from './stdio.ts';
import { VERSION } from './version.ts';

interface Flags {
  readonly file?: string;
  readonly config?: string;
  readonly address?: string;
  readonly validateOnly?: boolean;
  readonly route?: string;
}

const host: Host = {
  env: process.env,
  cwd: process.cwd(),
  stdoutIsTerminal: process.stdout.isTTY === true,
  stderrIsTerminal: process.stderr.isTTY === true,
};

/** How long a shutdown may take in all before the process ends whatever is left. */
const SHUTDOWN_MS = 70_000;

class UsageError extends Error {}

function program(): Command {
  const command = new Command('agentgateway');
  command
    .description('The gateway between AI agents and everything they call.')
    .option('-f, --file <path>', 'configuration file (YAML or JSON); "-" reads standard input')
    .option('-c, --config <text>', 'configuration as text')
    .option(
      '--address <address>',
      'where ports without an address listen (default: loopback; 0.0.0.0 for everyone; env AGENTGATEWAY_ADDRESS)',
    )
    .option('--validate-only', 'check the configuration, run its tests and exit')
    .version(VERSION, '-V, --version')
    .exitOverride()
    .enablePositionalOptions()
    .addHelpText('after', HELP)
    .action(() => {
      const [unexpected] = command.args;
      if (unexpected !== undefined)
        throw new UsageError(`unexpected "${unexpected}": a configuration is given with -f (see --help)`);
      return serve(command.opts<Flags>());
    });
  command
    .command('schema')
    .description('print the JSON Schema of the configuration')
    .action(() => print(`${JSON.stringify(withSharedParts(configJsonSchema(standard)), undefined, 2)}\n`));
  command
    .command('stdio')
    .description(
      'serve the MCP servers of a configuration over standard input and output, for clients that start programs',
    )
    .option('-f, --file <path>', 'configuration file')
    .option('-c, --config <text>', 'configuration as text')
    .option('--route <name>', 'which route to serve, when there are several')
    .action((_options, self: Command) => stdio(self.opts<Flags>()));
  addExplain(command);
  addOpenapi(command);
  // Told by the action, in words that help; set last, because commands inherit it.
  return command.allowExcessArguments();
}

function addExplain(command: Command): void {
  const each = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  command
    .command('explain')
    .description(
      'say which rules let somebody in or keep somebody out, and what they saw; connects no server',
    )
    .option('-f, --file <path>', 'configuration file')
    .option('-c, --config <text>', 'configuration as text')
    .option('--as <who>', 'a token, an API key, user:password, or anonymous; - reads it from standard input')
    .option('--claims <json>', 'claims of a token, instead of a token')
    .option('--tool <name>', 'a tool, as clients know it')
    .option('--prompt <name>', 'a prompt')
    .option('--resource <uri>', 'a resource')
    .option('--target <name>', 'the server that has it; its name is then the one it has there')
    .option('--args <json>', 'arguments of the call')
    .option('--annotations <json>', 'annotations of the tool, which its server would tell')
    .option('--route <name>', 'which route, when there are several')
    .option('--url <url>', 'where the request goes to, instead of a route')
    .option('--method <method>', 'HTTP method of a request for no tool, prompt or resource')
    .option('--header <header>', "'name: value'; may be repeated", each)
    .option('--format <format>', 'text or json', 'text')
    .addHelpText('after', '\nExit codes: 0 allowed, 1 denied, 2 bad arguments or configuration')
    .action((_options, self: Command) => explain(self.opts<Flags & ExplainFlags>()));
}

function addOpenapi(command: Command): void {
  command
    .command('openapi')
    .description('show the tools that an API description would become, and which of them suit a model badly')
    .argument('<file or url>', 'OpenAPI 3.1, 3.0 or Swagger 2.0, JSON or YAML')
    .option('--arguments <style>', 'grouped or flat', 'grouped')
    .option('--external-references', 'read the files it refers to')
    .option('--format <format>', 'text or json', 'text')
    .action((place: string, flags: OpenapiFlags) => openapi(place, flags));
}

const HELP = `
A saved configuration file takes effect without a restart. SIGTERM and SIGINT let requests in flight end, then stop
every child process; a second signal ends at once.

Exit codes:
  0  done
  1  failed: a file cannot be read, a port is taken, a test of the configuration does not hold
  2  bad arguments or configuration

Examples:
  agentgateway -f config.yaml
  agentgateway -f config.yaml --validate-only
  agentgateway explain -f config.yaml --as "$TOKEN" --tool echo
  agentgateway stdio -f config.yaml
  agentgateway openapi petstore.yaml
  agentgateway schema > config.schema.json`;

async function serve(flags: Flags): Promise<void> {
  const input = await readInput(flags);
  if (flags.validateOnly) return validate(input);
  const address = flags.address ?? host.env['AGENTGATEWAY_ADDRESS'];
  const starting = run({ host, input, address, logTo: 'stdout', listen: true });
  // From here on there may be children, which a signal must not leave behind.
  onSignal(() => closed(starting));
  process.stderr.write(await startScreen(await starting));
}

async function validate(input: ConfigInput): Promise<void> {
  const read = await readWhole(input, host);
  await checkPlan(read.plan, quietPorts(host));
  if (read.document.tests.length === 0) return print(`${input.name}: valid\n`);
  const { printedTests, runTests } = await import('./explain/tests.ts');
  const results = await runTests(read, quietPorts(host));
  print(`${input.name}: valid\n${printedTests(results)}`);
  if (results.some(({ passed }) => !passed)) process.exitCode = 1;
}

async function explain(flags: Flags & ExplainFlags): Promise<void> {
  if (flags.as === '-' && flags.file === '-')
    throw new UsageError('explain: standard input can be the configuration or the credential, not both');
  const as = flags.as === '-' ? (await readAll(process.stdin)).trim() : flags.as;
  const read = await readWhole(await readInput(flags), host);
  const { runExplain } = await import('./explain/command.ts');
  const asked = { ...flags, ...(as !== undefined && { as }) };
  const { text, allowed } = await runExplain(read, asked, quietPorts(host));
  print(text);
  if (!allowed) process.exitCode = 1;
}

async function openapi(place: string, flags: OpenapiFlags): Promise<void> {
  if (!['text', 'json'].includes(flags.format)) throw new UsageError('openapi: --format is text or json');
  if (!['grouped', 'flat'].includes(flags.arguments))
    throw new UsageError('openapi: --arguments is grouped or flat');
  const { describeApi } = await import('./openapi-command.ts');
  print(await describeApi(place, flags, host.cwd));
}

async function stdio(flags: Flags): Promise<void> {
  if (flags.file === '-')
    throw new UsageError('stdio: standard input carries the protocol, so -f - cannot be used; give a file');
  const input = await readInput(flags);
  const starting = run({ host, input, address: undefined, logTo: 'stderr', listen: false });
  let hangUp = (): void => {};
  const stop = async (): Promise<void> => {
    hangUp();
    await closed(starting);
  };
  onSignal(stop);
  const { gateway } = await starting;
  try {
    const { stdin: input, stdout: output } = process;
    const { done, close } = serveStdio(gateway, { route: flags.route, clock: systemClock, input, output });
    hangUp = close;
    await done;
  } catch (error) {
    // What the client does not read would keep the process from ending by itself.
    await stop();
    fail(error);
    process.exit();
  } finally {
    await stop();
  }
}

async function readInput(flags: Flags): Promise<ConfigInput> {
  const { file, config } = flags;
  if (file !== undefined && config !== undefined) throw new UsageError('give either -f or -c, not both');
  if (config !== undefined) return { text: config, name: '<inline>', file: undefined };
  if (file === undefined) throw new UsageError('no configuration: give one with -f config.yaml (see --help)');
  if (file === '-') return { text: await readAll(process.stdin), name: '<stdin>', file: undefined };
  const path = isAbsolute(file) ? file : join(host.cwd, file);
  return { text: readConfigFile(path), name: file, file: path };
}

async function readAll(input: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Also when it has not started yet; a start that failed has closed itself. */
function closed(starting: Promise<Run>): Promise<void> {
  return starting.then(
    (running) => running.close(),
    () => undefined,
  );
}

/** The first signal drains; a second one, or the deadline, ends at once. */
function onSignal(close: () => Promise<void>): void {
  let closing = false;
  const stop = (): void => {
    if (closing) process.exit(1);
    closing = true;
    if (process.stderr.isTTY)
      process.stderr.write('stopping: requests in flight may finish; once more ends at once\n');
    setTimeout(() => process.exit(1), SHUTDOWN_MS).unref();
    close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

function print(text: string): void {
  process.stdout.write(text);
}

function fail(error: unknown): void {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  if (error instanceof ConfigError) process.stderr.write(`${formatDiagnostics(error.diagnostics)}\n`);
  else if (error instanceof GatewayError || error instanceof UsageError)
    process.stderr.write(`agentgateway: ${error.message}\n`);
  else process.stderr.write(`agentgateway: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = isMisuse(error) ? 2 : 1;
}

function isMisuse(error: unknown): boolean {
  if (error instanceof GatewayError) return error.code === 'CONFIG_INVALID';
  return error instanceof ConfigError || error instanceof UsageError || error instanceof QuestionError;
}

/** A reader that leaves early (`agentgateway --help | head -1`) is no failure of ours. */
function tolerateBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

// Messages of up to half of this come from shared pieces of memory: a buffer of its own for each costs more than
// filling it, and the collector keeps account of it.
Buffer.poolSize = 64 * 1024;

for (const stream of [process.stdout, process.stderr]) stream.on('error', tolerateBrokenPipe);
program().parseAsync(process.argv).catch(fail);
