import { resolve } from 'node:path'
import { AZURE_CREDENTIALS } from '../credentials/managed-identity.ts'
import { LOG_LEVELS } from '../log.ts'
import { ADMIN_OPTIONS } from './admin-options.ts'
import { BACKEND_FORM, parseBackend } from './backend-url.ts'
import type { CommandName } from './commands.ts'
import {
  CREDENTIAL_KEY_LENGTH,
  parseCredentialKey,
  parseHttp,
  parseMicroseconds,
  parseRowSize,
  parseWorkers,
} from './option-values.ts'
import { SESSION_OPTIONS } from './session-options.ts'
import { STACK_OPTIONS } from './stack-options.ts'
import { AZURE_ENDPOINT, parseEndpoints } from './storage-endpoints.ts'
import { readCertificates } from './tls-files.ts'
import { TOOL_OPTIONS } from './tool-options.ts'
import { type Environment, usualBackend, usualEndpoint, usualPassword } from './usual-variables.ts'
import { type Given, parseAddress, parseBytes, parseCount, parseOneOf, parseSeconds, parseText } from './values.ts'

/** What looks at a server as the proxy does. */
const SERVING = ['serve', 'doctor'] as const

type ByCommand = string | Readonly<Partial<Record<CommandName, string>>>

/** One option: a flag and a variable, `--log-level` and `BLOBGRES_LOG_LEVEL`. */
export interface OptionRow<T> {
  readonly name: string
  readonly commands: readonly CommandName[]
  /** Other spellings of the flag, for commands with little else, such as `-o`. */
  readonly short?: string
  /** Stands for the value in the help. */
  readonly value: string
  /** What the flag means without a value. */
  readonly alone?: string
  /** It never has one: what comes next is an argument. */
  readonly bare?: true
  /** @throws ConfigError */
  readonly parse: (given: Given) => T
  /** As a user would write it; by command where they differ. */
  readonly default?: ByCommand
  /** What a variable that is not ours says of it. @throws ConfigError */
  readonly usual?: (env: Environment, command: CommandName) => Given | undefined
  /** What holds without it, where that is no value that a user could write. */
  readonly otherwise?: ByCommand
  /** Has a variable and no flag: that would show in the list of processes. */
  readonly secret?: true
  /** Markdown; the help shows it without backticks. */
  readonly description: string
}

/**
 * All options, under the names that the configuration has for their values. Flags, variables, the help and the README's
 * table come from here.
 */
export const OPTIONS = {
  backend: {
    name: 'backend',
    commands: [...SERVING, 'healthcheck'],
    value: 'url',
    parse: parseBackend,
    usual: usualBackend,
    otherwise: {
      serve: 'required',
      doctor: 'that of the dev stack that runs here',
      healthcheck: 'user and database postgres',
    },
    description:
      `the server, and a superuser there, for the proxy's own work: \`${BACKEND_FORM}\`; a Unix socket as \`?host=/dir\`. ` +
      'Several hosts as with libpq: `host:port,host:port/database?target_session_attrs=primary`. ' +
      'TLS to the server as with libpq: `?sslmode=disable` (the default), `prefer`, `require`, `verify-ca` or ' +
      '`verify-full`, the last two with `&sslrootcert=file`. A password is better kept out of the list of processes: ' +
      'put it, or the whole URL, into the environment',
  },
  backendPassword: {
    name: 'backend-password',
    commands: SERVING,
    value: 'password',
    parse: parseText,
    usual: usualPassword,
    secret: true,
    description: "the superuser's password, where the URL has none",
  },
  listen: {
    name: 'listen',
    commands: [...SERVING, 'dev', 'healthcheck'],
    value: 'host:port',
    parse: parseAddress,
    default: '127.0.0.1:5433',
    description: 'where clients connect; port `0` takes a free one',
  },
  http: {
    name: 'http',
    commands: ['serve', 'dev'],
    value: 'host:port|off',
    parse: parseHttp,
    otherwise: { serve: 'off', dev: '127.0.0.1:8433, or a free port where that is taken' },
    description:
      'where a status page, an API, metrics and `/readyz` are, for whoever reaches it ' +
      '([docs/monitoring.md](docs/monitoring.md)); port `0` takes a free one',
  },
  workers: {
    name: 'workers',
    commands: SERVING,
    value: 'number|auto',
    parse: parseWorkers,
    default: '1',
    description:
      'how many processes share the work, `auto` for as many as cores ([docs/operating.md](docs/operating.md#workers))',
  },
  busyPollMicroseconds: {
    name: 'busy-poll',
    commands: ['serve', 'dev'],
    value: 'microseconds',
    parse: parseMicroseconds,
    default: '200',
    description:
      'how many microseconds it looks for the next message before it sleeps, where the last ones have come within that time ' +
      '([docs/operating.md](docs/operating.md#few-clients)); `0` for not at all',
  },
  loopback: {
    name: 'loopback',
    commands: SERVING,
    value: 'host:port',
    parse: parseAddress,
    otherwise: 'found by trying',
    description: 'how the server reaches this proxy, for the functions; its *n*th worker at the *n*th port after that',
  },
  storageEndpoints: {
    name: 'storage-endpoint',
    commands: [...SERVING, 'dev', 'infer'],
    value: 'url',
    parse: parseEndpoints,
    // In the dev stack such an account is one of Azurite's.
    usual: (env, command) => (command === 'dev' ? undefined : usualEndpoint(env)),
    default: { serve: AZURE_ENDPOINT, doctor: AZURE_ENDPOINT, infer: AZURE_ENDPOINT },
    otherwise: { dev: 'for the accounts of its Azurite alone' },
    description:
      'where blobs are: a URL with `{account}` for all accounts, `account=url` for one; repeatable. Azurite is at ' +
      '`http://127.0.0.1:10000/{account}`',
  },
  storageCa: {
    name: 'storage-ca',
    commands: [...SERVING, 'infer'],
    value: 'file',
    parse: readCertificates,
    description: 'certificates (PEM) of storage endpoints to trust besides those of the well-known authorities',
  },
  azureCredential: {
    name: 'azure-credential',
    commands: SERVING,
    value: 'kind',
    parse: (given: Given) => parseOneOf(given, AZURE_CREDENTIALS),
    default: 'managed-identity',
    description:
      "whose token opens accounts registered with `account_options_managed_identity`: the machine's " +
      '(`managed-identity`); the first that the default chain of `@azure/identity` finds, among them environment, ' +
      'workload identity and Azure CLI (`default`); or one that Azurite takes with `--oauth basic` (`emulated`). The ' +
      'endpoint must be `https://`',
  },
  managedIdentityClientId: {
    name: 'managed-identity-client-id',
    commands: SERVING,
    value: 'id',
    parse: parseText,
    otherwise: 'system-assigned',
    description: 'client ID of a user-assigned managed identity',
  },
  credentialKey: {
    name: 'credential-key',
    commands: SERVING,
    value: 'characters',
    parse: parseCredentialKey,
    secret: true,
    description:
      `a key of the proxies' own for stored credentials: at least ${CREDENTIAL_KEY_LENGTH} random characters, the same ` +
      'for all proxies of a server',
  },
  tempDir: {
    name: 'temp-dir',
    commands: [...SERVING, 'infer'],
    value: 'directory',
    parse: given => resolve(parseText(given)),
    otherwise: "the system's",
    description: 'where Parquet files are copied to while they are read',
  },
  spoolLimitBytes: {
    name: 'parquet-spool-limit',
    commands: SERVING,
    value: 'size',
    parse: parseBytes,
    default: '32GB',
    description: 'the largest Parquet file that is read; `0` for no limit',
  },
  parquetEngines: {
    name: 'parquet-engines',
    commands: SERVING,
    value: 'number',
    parse: parseCount,
    otherwise: 'as many as cores',
    description: 'how many statements read or write Parquet files at a time, shared out among workers; others wait',
  },
  maxRowBytes: {
    name: 'max-row-size',
    commands: SERVING,
    value: 'size',
    parse: parseRowSize,
    default: '64MB',
    description:
      'the largest row of `blob_get` and `blob_put` (64kB to 1000MB), as text, or for binary files in hexadecimal. ' +
      "`COPY` has PostgreSQL's limit alone, and to Parquet 64 MiB",
  },
  memoryLimitBytes: {
    name: 'memory-limit',
    commands: SERVING,
    value: 'size',
    parse: parseBytes,
    default: '512MB',
    description:
      'what all large rows of `blob_get` and `blob_put` may take together, in each worker, four times `--max-row-size` ' +
      'or more; calls that need more wait for others',
  },
  tlsCert: {
    name: 'tls-cert',
    commands: SERVING,
    value: 'file',
    parse: (given: Given) => given,
    otherwise: 'no TLS',
    description: 'certificate (PEM) to offer TLS to clients with',
  },
  tlsKey: {
    name: 'tls-key',
    commands: SERVING,
    value: 'file',
    parse: (given: Given) => given,
    description: 'its key (PEM)',
  },
  ...STACK_OPTIONS,
  ...TOOL_OPTIONS,
  ...ADMIN_OPTIONS,
  ...SESSION_OPTIONS,
  logLevel: {
    name: 'log-level',
    commands: [...SERVING, 'dev'],
    value: 'level',
    parse: (given: Given) => parseOneOf(given, LOG_LEVELS),
    default: { serve: 'info', dev: 'warn' },
    description: `${LOG_LEVELS.map(level => `\`${level}\``).join(', ')}; to standard error, as JSON lines, or pretty on a terminal`,
  },
  drainTimeoutMs: {
    name: 'drain-timeout',
    commands: SERVING,
    value: 'seconds',
    parse: parseSeconds,
    default: '30',
    description: 'how long a shutdown waits for what is under way',
  },
} as const satisfies Readonly<Record<string, OptionRow<unknown>>>

/** The environment variable of an option. */
export function variableOf({ name }: Pick<OptionRow<unknown>, 'name'>): string {
  return `BLOBGRES_${name.toUpperCase().replaceAll('-', '_')}`
}

/** The options of a command, each with the name of its value. */
export function optionsOf(command: CommandName): [key: string, row: OptionRow<unknown>][] {
  const rows: [string, OptionRow<unknown>][] = Object.entries(OPTIONS)
  return rows.filter(([, row]) => row.commands.includes(command))
}

/** As a user would write it. */
export const defaultOf = (row: OptionRow<unknown>, command: CommandName) => forCommand(row.default, command)

/** What holds without it, where it has no default. */
export const otherwiseOf = (row: OptionRow<unknown>, command: CommandName) => forCommand(row.otherwise, command)

function forCommand(texts: ByCommand | undefined, command: CommandName): string | undefined {
  return typeof texts === 'object' ? texts[command] : texts
}
