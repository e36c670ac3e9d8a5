import { parseSwitch, parseText } from './values.ts'

const OFF_UNLESS_GIVEN = {
  commands: ['serve', 'doctor', 'dev'],
  value: 'on|off',
  alone: 'on',
  parse: parseSwitch,
  otherwise: 'off',
} as const

/** What holds for the sessions of clients. */
export const SESSION_OPTIONS = {
  strictAzure: {
    ...OFF_UNLESS_GIVEN,
    name: 'strict-azure',
    description:
      'refuse `CREATE` and `DROP EXTENSION` of what the setting `azure.extensions` lacks, as Azure does; and of ' +
      '`azure_storage` where `shared_preload_libraries` lacks it',
  },
  extras: {
    ...OFF_UNLESS_GIVEN,
    name: 'extras',
    description:
      "what Azure's own does not have, in every session: [docs/extras.md](docs/extras.md); without it, in those that " +
      '`SET blobgres.extras = on`',
  },
  progress: {
    ...OFF_UNLESS_GIVEN,
    name: 'progress',
    description:
      'notices of how far a transfer is, to sessions that have not said otherwise: `SET blobgres.progress = on|off`',
  },
  azureExtensions: {
    name: 'azure-extensions',
    commands: ['dev'],
    value: 'names',
    parse: parseText,
    default: 'azure_storage',
    description: 'the setting `azure.extensions`: what `--strict-azure` allows',
  },
} as const
