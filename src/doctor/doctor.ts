import { randomBytes } from 'node:crypto'
import { readFacts } from '../backend/server-state.ts'
import type { Config } from '../config/config.ts'
import { ManagedIdentity } from '../credentials/managed-identity.ts'
import { withProxyKey } from '../credentials/sealing.ts'
import { readSealingKey } from '../extension/install.ts'
import type { Asker } from '../loopback/ask.ts'
import { knownEndpoint } from '../storage/endpoints.ts'
import { checkAccount, checkToken, type Keys } from './account-checks.ts'
import { type Database, databasesWithExtension } from './databases.ts'
import { checkEndpoint, type EndpointFindings } from './endpoint-checks.ts'
import { type Finding, failed, look, untried } from './finding.ts'
import { checkLoopback, checkPort } from './loopback-check.ts'
import { checkBackend, checkDblink, checkEncoding, checkSuperuser, checkVersion, type Server } from './server-checks.ts'
import { checkTempFolder } from './temp-check.ts'

/** Of one that has never had a proxy, nothing can be proved. */
const NO_KEY = { encKey: randomBytes(32), macKey: randomBytes(32) }
const SURVEY_LIMIT_MS = 30_000

/** Looks at all that a proxy of this configuration needs. Nothing is changed by it, in the server or in a storage. */
export async function examine(config: Config): Promise<Finding[]> {
  const { finding, server, refused } = await checkBackend(config.backend)
  const superuser = await checkSuperuser(config.backend.user, server, refused)
  const findings = [finding, superuser]
  try {
    if (server !== undefined && superuser.result === 'ok') return [...findings, ...(await examineWith(config, server))]
    const reason = finding.result === 'ok' ? 'it takes a superuser' : 'the server is not reached'
    const left = ['version', 'encoding', 'dblink', 'loopback', 'accounts'].map(check =>
      look(check, async () => untried(reason)),
    )
    const own = [(await checkPort(config)).finding, await checkTempFolder(config)]
    return [...findings, ...(await Promise.all(left)), ...own]
  } finally {
    await server?.admin.end()
  }
}

async function examineWith(config: Config, server: Server): Promise<Finding[]> {
  const { admin } = server
  const { isStandby, hasKey, startedAt } = await readFacts(admin)
  const sealingKey = hasKey ? withProxyKey(await readSealingKey(admin), config.credentialKey) : NO_KEY
  const asker: Asker = { sealingKey, server: { startedAt } }
  let databases: readonly Database[] = []
  const survey = await look(
    'databases',
    async () => {
      databases = await databasesWithExtension(admin, server.backend)
      return untried('')
    },
    SURVEY_LIMIT_MS,
  )
  const findings = [await checkVersion(server)]
  for (const database of databases) findings.push(await checkDatabase(database))
  const dblink = await checkDblink(server)
  const { finding: port, occupant } = await checkPort(config)
  const keys = { sealingKey, identity: new ManagedIdentity(config) }
  const storage = survey.result === 'failed' ? [survey] : await examineStorage(config, databases, keys)
  const loopback =
    dblink.result === 'ok'
      ? await checkLoopback(config, server, asker, isStandby, occupant)
      : await look('loopback', async () => untried('the server lacks dblink'))
  return [...findings, dblink, port, loopback, await checkTempFolder(config), ...storage]
}

function checkDatabase(database: Database): Promise<Finding> {
  const { wrong, name } = database
  return wrong === undefined ? checkEncoding(database) : look(`database ${name}`, async () => failed(wrong))
}

/** Each endpoint once, then each account of each database. */
async function examineStorage(config: Config, databases: readonly Database[], keys: Keys): Promise<Finding[]> {
  const accounts = databases.flatMap(database => database.accounts)
  const names = [...new Set(accounts.map(({ name }) => name))].sort()
  if (names.length === 0) {
    const reason = databases.length === 0 ? 'no database has the extension azure_storage' : 'no account is registered'
    return [await look('accounts', async () => untried(reason))]
  }
  const endpoints = new Map<string, EndpointFindings>()
  for (const name of names) {
    const url = knownEndpoint(config.storageEndpoints, name) ?? name
    if (!endpoints.has(url)) endpoints.set(url, await checkEndpoint(config, name))
  }
  const isIdentityUsed = accounts.some(({ authType }) => authType === 'managed-identity')
  const token = isIdentityUsed ? await checkToken(keys.identity) : undefined
  const findings = [...endpoints.values()].flatMap(({ findings }) => findings)
  if (token !== undefined) findings.push(token)
  for (const account of accounts) {
    const url = knownEndpoint(config.storageEndpoints, account.name) ?? account.name
    const isReached = endpoints.get(url)?.isReached
    const lacksToken = account.authType === 'managed-identity' && token?.result !== 'ok'
    const obstacle = isReached ? (lacksToken ? 'there is no token' : undefined) : 'the endpoint does not answer'
    findings.push(...(await checkAccount(config, account, keys, obstacle)))
  }
  return findings
}
