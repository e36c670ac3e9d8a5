import { parseAccounts, parseContainers } from './option-values.ts'
import { usualAccountName } from './usual-variables.ts'
import { type Given, parseOneOf, parsePort, parseText } from './values.ts'

export const STATUS_FORMATS = ['pretty', 'env', 'json'] as const

/** Of the dev stack: its servers, its data, and what commands about it are told. */
export const STACK_OPTIONS = {
  port: {
    name: 'port',
    commands: ['dev'],
    value: 'port',
    parse: parsePort,
    otherwise: 'that of `--listen`',
    description: 'the port of `--listen`; `0` takes a free one, and one for Azurite, so that stacks run side by side',
  },
  azuritePort: {
    name: 'azurite-port',
    commands: ['dev'],
    value: 'port',
    parse: parsePort,
    otherwise: '10000',
    description: "Azurite's port; `0` takes a free one",
  },
  accounts: {
    name: 'account',
    commands: ['dev'],
    value: 'name',
    parse: parseAccounts,
    usual: usualAccountName,
    otherwise: 'pgquickstart and devstoreaccount1 alone',
    description:
      'a storage account to have in Azurite, registered with the key that its default account has; repeatable',
  },
  containers: {
    name: 'containers',
    commands: ['dev'],
    value: 'names',
    parse: parseContainers,
    description: 'containers to have in each account',
  },
  dataDir: {
    name: 'data-dir',
    short: '--data',
    commands: ['dev', 'status', 'stop', 'reset', 'snapshot', 'restore', 'seed', 'sql', 'doctor', 'infer'],
    value: 'directory',
    parse: parseText,
    default: '.blobgres',
    description: 'what is kept between runs',
  },
  initScripts: {
    name: 'init-scripts',
    commands: ['dev'],
    value: 'directory',
    parse: parseText,
    description: '`*.sql` and `*.sh` in it run once, in order, when the data is made, before anyone can connect',
  },
  seed: {
    name: 'seed',
    commands: ['dev', 'seed'],
    value: 'directory',
    parse: parseText,
    otherwise: { seed: 'that of the running stack' },
    description:
      'files `<account>/<container>/…` in it become blobs, and `*.sql` run in order, as the admin, when the data is made',
  },
  url: {
    name: 'url',
    commands: ['sql'],
    value: 'url',
    parse: parseText,
    otherwise: 'of the stack that runs on the data, or else what DATABASE_URL says',
    description: 'the database: `postgres://user:password@host:port/database`',
  },
  output: {
    name: 'output',
    short: '-o',
    commands: ['status'],
    value: STATUS_FORMATS.join('|'),
    parse: (given: Given) => parseOneOf(given, STATUS_FORMATS),
    default: 'pretty',
    description: 'for people, as variables for a shell or a file `.env`, or as JSON',
  },
} as const
