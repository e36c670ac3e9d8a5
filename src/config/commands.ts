/** What `blobgres` can be told to do. */
export const COMMANDS = {
  serve: 'The proxy, in front of your PostgreSQL',
  dev: 'PostgreSQL 18, Azurite and the proxy, with sample data, to try it on this machine',
  status: 'Whether the stack of dev in a data folder runs, and how to reach it',
  stop: 'End it',
  reset: 'Make its databases and blobs what they were when it was new',
  snapshot: 'Keep its databases and blobs under a name',
  restore: 'Make them what they were at a snapshot',
  seed: 'Put the files of its seed folder in place once more, and run the SQL there',
  sql: 'Run SQL from the command line, or from standard input, and print what psql would',
  doctor: 'Look at all that the proxy needs, and say what to do about what is wrong',
  infer: 'Print the table, and the COPY, for a blob or a local file',
  certificate: 'Make server.crt and server.key in a directory, for an emulator, unless they are there',
  healthcheck: 'Exit with status 0 if a server answers through the proxy',
  unwrap: 'Filter a dump of pg_dump: functions as they were written, without what lets COPY with URLs work in them',
} as const

export type CommandName = keyof typeof COMMANDS

/** What to type, first of all; `blobgres` is for who has not chosen a command yet. */
export const EXAMPLES: Readonly<Record<CommandName | 'blobgres', readonly string[]>> = {
  blobgres: [
    'blobgres dev                        # PostgreSQL, Azurite and the proxy, to try it here',
    'blobgres serve --backend postgres://postgres@db.example/postgres',
    'DATABASE_URL=postgres://… blobgres serve --listen 0.0.0.0:5433',
    'blobgres help serve                 # all about one command',
  ],
  dev: [
    'blobgres dev                        # prints how to connect, and statements to paste',
    'blobgres dev --account mystorage    # SQL that names this account works here too',
    'blobgres dev --seed ./seed          # own blobs and tables: seed/mystorage/mycontainer/a.csv, seed/1-tables.sql',
    'blobgres dev --data-dir /tmp/second --port 0   # beside another one',
  ],
  serve: [
    'BLOBGRES_BACKEND=postgres://postgres:secret@db.example/postgres blobgres serve',
    'DATABASE_URL=postgres://postgres:secret@db.example/postgres blobgres serve --listen 0.0.0.0:5433',
    "blobgres serve --backend postgres://postgres@localhost --storage-endpoint 'http://127.0.0.1:10000/{account}'",
  ],
  status: [
    'blobgres status',
    'blobgres status -o env              # DATABASE_URL and AZURE_STORAGE_CONNECTION_STRING, to eval or for .env',
  ],
  stop: ['blobgres stop', 'blobgres stop --data-dir /tmp/second'],
  reset: ['blobgres reset                      # ends the sessions in its databases'],
  snapshot: ['blobgres snapshot before-migration  # ends the sessions in its databases'],
  restore: ['blobgres restore before-migration'],
  seed: ['blobgres seed', 'blobgres seed --seed ./more'],
  sql: [
    `blobgres sql "SELECT path, bytes FROM azure_storage.blob_list('pgquickstart', 'samples')"`,
    'blobgres sql <script.sql',
  ],
  doctor: [
    'blobgres doctor                     # with what serve is given, or in the folder of a running dev stack',
    'blobgres doctor --json',
  ],
  infer: [
    'blobgres infer zipcodes.csv.gz      # a local file',
    'blobgres infer --full https://pgquickstart.blob.core.windows.net/samples/zipcodes.csv',
  ],
  certificate: ['blobgres certificate certificates azurite localhost 127.0.0.1'],
  healthcheck: ['blobgres healthcheck --listen 127.0.0.1:5433'],
  unwrap: ['pg_dump mydb | blobgres unwrap     # the dump as it goes to Azure'],
}
