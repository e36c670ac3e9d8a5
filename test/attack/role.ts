import pg from 'pg'
import { account } from '../support/blobs.ts'
import { type CopyStack, startCopyStack } from '../support/copy-stack.ts'
import { Random } from '../support/random.ts'
import type { Attack, AttackContext, AttackReport } from './attack.ts'
import { type GeneratedCall, generateCall, type InstalledFunction, type KnownWords, literal } from './call-texts.ts'

const MARKER = 'nobody may read this'
/** Registered; only `account` is granted to anybody. */
const OTHER_ACCOUNT = 'otheracct'
const ROBOT_ACCOUNT = 'robotacct'

/** Reach a storage account, if they succeed, or open the way to one. */
const REACHING = new Set([
  'list_open',
  'get_open',
  'put_open',
  'copy_access',
  'copy_open',
  'blob_list',
  'blob_get',
  'blob_put',
])

/** Settings that a session may change, or bring along when it starts. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  'azure_storage.proxy': ['127.0.0.1:1', '', 'evil host=x'],
  'azure_storage.session': ['', 'x/1', '../../1'],
  'azure_storage.challenge': ['0'.repeat(32)],
  'azure_storage.public_account_access': ['on', 'off', 'maybe'],
  'azure_storage.allow_network_access': ['on', 'off'],
  'azure_storage.enable_copy_command': ['on', 'off'],
  'azure_storage.credential_encryption_key': ['', 'guess'],
  'azure_storage.blob_block_size_mb': ['1', '0'],
  search_path: ['pg_temp, public', '""', 'azure_storage_private'],
  standard_conforming_strings: ['on', 'off'],
  row_security: ['on', 'off'],
  'plpgsql.variable_conflict': ['error'],
  IntervalStyle: ['sql_standard', 'iso_8601'],
  quote_all_identifiers: ['on'],
}

const REFUSED_BY_PROXY = /=maybe$|blob_block_size_mb|credential_encryption_key/

interface Attacker {
  readonly role: string
  readonly may: ReadonlySet<string>
  client: pg.Client
}

/**
 * A role that may use no account, and one that may use one, call every function of the extension with whatever they know
 * or make up. Nothing succeeds but what a model says, and no answer holds a secret.
 */
export const roleAttack: Attack = {
  name: 'a hostile role',
  enough: 600,
  async run(context) {
    const stack = await startCopyStack(context.server)
    try {
      return await attack(context, stack)
    } finally {
      await stack.close()
    }
  },
}

async function attack({ seed, goesOn }: AttackContext, stack: CopyStack): Promise<AttackReport> {
  const random = new Random(seed)
  await stack.put('secret.txt', MARKER)
  await stack.client.query(`SELECT azure_storage.account_add('${OTHER_ACCOUNT}', '${account.key}'),
    azure_storage.account_add(azure_storage.account_options_managed_identity('${ROBOT_ACCOUNT}', 'blob'))`)
  const [none, granted] = [await stack.createRole('none'), await stack.createStorageUser('granted')]
  const attackers: Attacker[] = [
    { role: none, may: new Set(), client: await connect(stack, none, random) },
    { role: granted, may: new Set([account.name]), client: await connect(stack, granted, random) },
  ]
  const functions = await installedFunctions(stack.client)
  const reaching = functions.filter(({ name }) => REACHING.has(name))
  const secrets = await secretsOf(stack.client)
  const before = await stateOf(stack)
  const findings = new Set<string>()
  let attempts = 0
  let answered = 0
  for (let i = 0; goesOn(attempts) && findings.size < 20; i++) {
    const attacker = attackers[i % 2] as Attacker
    if (i % 200 < 2) {
      await attacker.client.end()
      attacker.client = await connect(stack, attacker.role, random)
    }
    const known = await knownWords(stack, attackers, attacker)
    for (let j = 0; j < 20; j++) {
      const call = generateCall(random.pick(random.chance(0.5) ? reaching : functions), random, known)
      const answer = await tried(attacker.client, random, call)
      attempts++
      if (answer.rows) answered++
      for (const finding of judge(call, answer, attacker, secrets))
        findings.add(`${attacker.role}: ${finding}: ${call.sql.slice(0, 2000)}`)
    }
  }
  if ((await stateOf(stack)) !== before) findings.add('accounts or blobs are not what they were')
  for (const { client } of attackers) await client.end()
  return { attempts, findings: [...findings], figures: { answered } }
}

interface Answer {
  /** All rows, or undefined where it failed. */
  readonly rows: readonly { readonly answer: unknown }[] | undefined
  /** Everything that was said. */
  readonly text: string
}

function judge({ fn, values }: GeneratedCall, { rows, text }: Answer, { may }: Attacker, secrets: Secrets): string[] {
  const findings: string[] = []
  const given = fn.argumentNames.findIndex(name => /^account(_name)?$/.test(name))
  const named = values[given]?.slice(1, -1)
  const registered = [account.name, OTHER_ACCOUNT, ROBOT_ACCOUNT]
  const isForbidden = named !== undefined && registered.includes(named) && !may.has(named)
  const got = rows?.some(({ answer }) => answer !== null) ?? false
  if (REACHING.has(fn.name) && isForbidden && got && !isWithoutGrant(fn, rows)) findings.push('reaches an account')
  if (fn.name.startsWith('account_') && !fn.name.startsWith('account_options') && rows)
    findings.push('manages accounts')
  for (const secret of secrets.always) if (text.includes(secret)) findings.push('shows a key')
  for (const [name, sealed] of secrets.sealed) {
    if (text.includes(sealed)) findings.push('shows a sealed credential')
    // The proxy's question for COPY is answered to whoever may use the account, through its own session.
    const isCopy = may.has(name) && (fn.name === 'copy_open' || fn.name === 'copy_access')
    if (text.includes(Buffer.from(sealed).toString('hex')) && !isCopy)
      findings.push('shows a sealed credential in hexadecimal')
  }
  if (!may.has(account.name) && text.includes(MARKER)) findings.push('reads a blob')
  return findings
}

/** With a credential of its own, copy_open() gives nothing of ours to anybody. */
function isWithoutGrant(fn: GeneratedCall['fn'], rows: Answer['rows']): boolean {
  if (fn.name !== 'copy_open' && fn.name !== 'copy_access') return false
  return (rows ?? []).every(({ answer }) => {
    const [, hex = ''] = /^\(([0-9a-f]+),/.exec(String(answer)) ?? []
    return JSON.parse(Buffer.from(hex, 'hex').toString() || '{}').grant === null
  })
}

async function tried(client: pg.Client, random: Random, { sql }: GeneratedCall): Promise<Answer> {
  const said: string[] = []
  const onNotice = (notice: unknown) => said.push(JSON.stringify(notice))
  client.on('notice', onNotice)
  const name = random.pick(Object.keys(SETTINGS))
  const setting = `SET LOCAL ${name} = ${name === 'search_path' ? random.pick(SETTINGS[name] ?? []) : literal(random.pick(SETTINGS[name] ?? []))}; `
  try {
    await client.query(`BEGIN; SET LOCAL statement_timeout = '5s'; ${random.chance(0.3) ? setting : ''}`)
    const { rows } = await client.query(sql)
    const text = JSON.stringify(rows)
    // A cursor that it got is read.
    const portals = rows.flatMap(({ answer }) => (/^azure_storage_[0-9a-f]{32}$/.test(String(answer)) ? [answer] : []))
    for (const portal of portals) {
      await client.query('SAVEPOINT s')
      said.push(await client.query(`FETCH ALL FROM "${portal}"`).then(({ rows }) => JSON.stringify(rows), describe))
      await client.query('ROLLBACK TO s')
    }
    return { rows, text: [text, ...said].join('\n') }
  } catch (error) {
    return { rows: undefined, text: [describe(error), ...said].join('\n') }
  } finally {
    client.off('notice', onNotice)
    await client.query('ROLLBACK').catch(() => {})
  }
}

const describe = (error: unknown): string => `${(error as Error).message} ${JSON.stringify({ ...(error as object) })}`

/** Through the proxy, with a setting or two in the startup packet. */
async function connect(stack: CopyStack, role: string, random: Random): Promise<pg.Client> {
  const names = ['azure_storage.proxy', 'azure_storage.session', 'azure_storage.challenge', 'row_security']
  const isDirect = random.chance(0.5)
  const options = random
    .times(2, () => random.pick(names))
    .map(name => `-c ${name}=${random.pick(SETTINGS[name] ?? []).replace(/ .*/, '')}`)
    .filter(option => isDirect || !REFUSED_BY_PROXY.test(option))
  const url = isDirect ? stack.database.url.replace('postgres@', `${role}@`) : stack.url(role)
  const client = new pg.Client({ connectionString: url, options: options.join(' ') })
  client.on('error', () => {})
  await client.connect()
  return client
}

async function knownWords(stack: CopyStack, attackers: readonly Attacker[], { may }: Attacker): Promise<KnownWords> {
  const callers: string[] = []
  for (const client of [stack.client, ...attackers.map(({ client }) => client)]) {
    callers.push((await client.query('SELECT c::text AS caller FROM azure_storage_private.caller AS c')).rows[0].caller)
  }
  return {
    callers,
    accounts: [account.name, OTHER_ACCOUNT, ROBOT_ACCOUNT, 'nobodys', 'BAD'],
    containers: [stack.container.containerName, 'box', '$root', 'No'],
    // Who may use the account may write the blob.
    paths: [may.size > 0 ? 'own.txt' : 'secret.txt', 'new.csv', '', 'a/b'],
    others: [
      'host=127.0.0.1 port=1',
      `azure_storage_${'0'.repeat(32)}`,
      `tAAAAAAAAAAAA${'0'.repeat(16)}rows`,
      '2',
      's1:AAAA',
    ],
  }
}

async function installedFunctions(client: pg.Client): Promise<InstalledFunction[]> {
  const { rows } = await client.query(`
    SELECT pronamespace::regnamespace::text AS schema, proname AS name, prokind = 'a' AS "isAggregate",
      coalesce(proargnames[1 : pronargs], '{}') AS "argumentNames",
      ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) WITH ORDINALITY AS a (t, n) ORDER BY n) AS "argumentTypes"
    FROM pg_proc WHERE pronamespace IN ('azure_storage'::regnamespace, 'azure_storage_private'::regnamespace)
    ORDER BY oid::regprocedure::text COLLATE "C"`)
  return rows
}

interface Secrets {
  readonly always: readonly string[]
  /** By account. */
  readonly sealed: ReadonlyMap<string, string>
}

async function secretsOf(client: pg.Client): Promise<Secrets> {
  const { rows } = await client.query(`SELECT rolpassword FROM pg_authid WHERE rolname = 'azure_storage_key'`)
  const keys = /\$([^:$]{44}):(.{44})$/.exec(rows[0].rolpassword)?.slice(1) ?? []
  const forms = (key: Buffer): string[] => ['base64', 'hex', 'latin1'].map(form => key.toString(form as BufferEncoding))
  const accounts = await client.query(
    'SELECT account_name, sealed_credentials FROM azure_storage.accounts WHERE sealed_credentials IS NOT NULL',
  )
  return {
    always: [account.key, ...keys.flatMap(key => forms(Buffer.from(key, 'base64')))],
    sealed: new Map(accounts.rows.map(row => [row.account_name, row.sealed_credentials])),
  }
}

/** What only who may can change. */
async function stateOf(stack: CopyStack): Promise<string> {
  const { rows } =
    await stack.client.query(`SELECT (SELECT json_agg(a ORDER BY account_name) FROM azure_storage.accounts AS a) AS accounts,
    (SELECT json_agg(u ORDER BY u::text) FROM azure_storage_private.account_users AS u) AS users`)
  return JSON.stringify([rows, await stack.get('secret.txt')])
}
