import { parseAccountKey, parseAdminUser, parseDatabaseName } from './option-values.ts'
import { parseText } from './values.ts'

/** Of the dev stack: who logs in there, and with what. */
export const ADMIN_OPTIONS = {
  adminUser: {
    name: 'admin-user',
    commands: ['dev'],
    value: 'role',
    parse: parseAdminUser,
    default: 'myadmin',
    description: 'the admin, as on Azure: no superuser, but a member of `azure_pg_admin`',
  },
  adminPassword: {
    name: 'admin-password',
    commands: ['dev'],
    value: 'password',
    parse: parseText,
    secret: true,
    description: "the admin's password; without it nobody is asked for one",
  },
  databaseName: {
    name: 'database-name',
    commands: ['dev'],
    value: 'database',
    parse: parseDatabaseName,
    default: 'app',
    description: "the admin's database",
  },
  accountKey: {
    name: 'account-key',
    commands: ['dev'],
    value: 'key',
    parse: parseAccountKey,
    secret: true,
    description: "the key of the accounts of `--account`, in base64; without it they have that of Azurite's own",
  },
} as const
