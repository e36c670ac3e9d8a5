import { AbstractStartedContainer, GenericContainer, type StartedTestContainer, Wait } from 'testcontainers'

const PORT = 5433
const STORAGE_PORT = 10000
const START_TIMEOUT_MS = 120_000
const SEED_FOLDER = '/seed'
/** Azurite's default account; its key is published, and guards nothing. */
const AZURITE_ACCOUNT = {
  name: 'devstoreaccount1',
  key: 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==',
}

/** Who logs in, and whose storage it is. */
interface Access {
  database: string
  username: string
  password: string
  accountName: string
  accountKey: string
}

/** The image `dev`: PostgreSQL 18, Azurite and the proxy. */
export class BlobgresContainer extends GenericContainer {
  readonly #access: Access = {
    database: 'test',
    username: 'test',
    password: 'test',
    accountName: AZURITE_ACCOUNT.name,
    accountKey: AZURITE_ACCOUNT.key,
  }

  constructor(image = 'blobgres:dev') {
    super(image)
    this.withExposedPorts(PORT, STORAGE_PORT)
      .withWaitStrategy(Wait.forHealthCheck())
      .withStartupTimeout(START_TIMEOUT_MS)
  }

  /** A database of the admin's, with the extension and the account in it. Default: `test`. */
  withDatabase(database: string): this {
    this.#access.database = database
    return this
  }

  /** The admin: as on Azure no superuser, but a member of `azure_pg_admin`. Default: `test`. */
  withUsername(username: string): this {
    this.#access.username = username
    return this
  }

  /** The admin's. Default: `test`. */
  withPassword(password: string): this {
    this.#access.password = password
    return this
  }

  /** A storage account, registered with the extension. Default: `devstoreaccount1`. */
  withAccountName(accountName: string): this {
    this.#access.accountName = accountName
    return this
  }

  /** Its key, in base64. Default: the one that Azurite's accounts have. */
  withAccountKey(accountKey: string): this {
    this.#access.accountKey = accountKey
    return this
  }

  /** A folder: `<account>/<container>/…` in it become blobs, `*.sql` run, all before the container is ready. */
  withSeed(directory: string): this {
    return this.withCopyDirectoriesToContainer([{ source: directory, target: SEED_FOLDER }]).withEnvironment({
      BLOBGRES_SEED: SEED_FOLDER,
    })
  }

  override async start(): Promise<StartedBlobgresContainer> {
    const { database, username, password, accountName, accountKey } = this.#access
    this.withEnvironment({
      BLOBGRES_DATABASE_NAME: database,
      BLOBGRES_ADMIN_USER: username,
      BLOBGRES_ADMIN_PASSWORD: password,
      BLOBGRES_ACCOUNT: accountName,
      BLOBGRES_ACCOUNT_KEY: accountKey,
    })
    return new StartedBlobgresContainer(await super.start(), { ...this.#access })
  }
}

export class StartedBlobgresContainer extends AbstractStartedContainer {
  readonly #access: Readonly<Access>

  constructor(container: StartedTestContainer, access: Readonly<Access>) {
    super(container)
    this.#access = access
  }

  getPort(): number {
    return this.getMappedPort(PORT)
  }

  getBlobPort(): number {
    return this.getMappedPort(STORAGE_PORT)
  }

  getDatabase(): string {
    return this.#access.database
  }

  getUsername(): string {
    return this.#access.username
  }

  getPassword(): string {
    return this.#access.password
  }

  getAccountName(): string {
    return this.#access.accountName
  }

  getAccountKey(): string {
    return this.#access.accountKey
  }

  /** For any PostgreSQL client. */
  getConnectionUri(): string {
    const url = new URL(`postgres://${this.getHost()}:${this.getPort()}`)
    url.username = encodeURIComponent(this.getUsername())
    url.password = encodeURIComponent(this.getPassword())
    url.pathname = encodeURIComponent(this.getDatabase())
    return url.toString()
  }

  /** Of the account. */
  getBlobEndpoint(): string {
    return `http://${this.getHost()}:${this.getBlobPort()}/${this.getAccountName()}`
  }

  /** For any client of Azure Blob Storage. */
  getStorageConnectionString(): string {
    return (
      `DefaultEndpointsProtocol=http;AccountName=${this.getAccountName()};AccountKey=${this.getAccountKey()};` +
      `BlobEndpoint=${this.getBlobEndpoint()};`
    )
  }

  /** Keeps what databases and blobs are now, in the container; one of the same name is replaced. Ends all sessions. */
  async snapshot(name = 'snapshot'): Promise<void> {
    await this.#blobgres('snapshot', name)
  }

  /** Makes databases and blobs what they were. Ends all sessions. */
  async restoreSnapshot(name = 'snapshot'): Promise<void> {
    await this.#blobgres('restore', name)
  }

  async #blobgres(...args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.exec(['blobgres', ...args])
    if (exitCode !== 0) throw new Error(stderr.trim() || `blobgres ${args[0]} failed (exit code ${exitCode})`)
  }
}
