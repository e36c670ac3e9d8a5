/** `blobgres --help`. */
export const USAGE = `Blobgres gives any PostgreSQL Microsoft's azure_storage extension.

Usage:
  blobgres serve --backend URL [options]   the proxy, in front of your PostgreSQL
  blobgres dev [options]                   PostgreSQL 18, Azurite and the proxy, to try it on this machine
  blobgres certificate DIR HOST...         makes server.crt and server.key in DIR for an emulator, unless they are there
  blobgres healthcheck [--listen ADDRESS]  exits with 0 if a proxy answers there
  blobgres --help | --version

Every option can come from the environment too: --tls-cert is BLOBGRES_TLS_CERT. A flag wins.

Options of serve:
  --backend postgres://user:password@host:port/database
        The server, and a superuser there. The password is better kept out of the process list: put the URL into
        BLOBGRES_BACKEND, or the password alone into BLOBGRES_BACKEND_PASSWORD.
        For a Unix socket: postgres://user@/database?host=/var/run/postgresql
        TLS to the server, as with libpq: ?sslmode=disable (default), prefer, require, verify-ca or verify-full, for the
        last two with &sslrootcert=file where the certificate is not one of a well-known authority.
  --listen host:port          Where clients connect. Default 127.0.0.1:5433
  --loopback host:port        How the server reaches this proxy, for the functions. Default: the first address that works
                              of those under which a proxy is usually reached
  --storage-endpoint URL      Where blobs are. With {account} in it: for all accounts. As account=URL: for that one.
                              Repeat it or separate with commas. Default https://{account}.blob.core.windows.net
                              Azurite: http://127.0.0.1:10000/{account}
  --storage-ca file           Trust these certificates (PEM) of storage endpoints too.
  --azure-credential kind     Whose token opens accounts that are used with managed identity: the machine's own
                              (managed-identity, the default), or the first found by @azure/identity's default chain:
                              environment, workload identity, Azure CLI and others (default), or one that Azurite
                              takes with --oauth basic (emulated).
  --managed-identity-client-id id
                              The user-assigned managed identity to use. Default: the system-assigned one
  --temp-dir directory        Where Parquet files are copied to while they are read. Default: the system's folder for
                              temporary files
  --parquet-spool-limit size  The largest Parquet file that is read, such as 500MB or 32GB (the default); 0 for no limit
  --parquet-engines number    How many Parquet files are read or written at a time; others wait. Default: as many as there
                              are cores
  --max-row-size size         The largest row of blob_get and blob_put. Default 64MB
  --memory-limit size         How much all their large rows may take together; others wait. Default: 512MB, and at least
                              four times --max-row-size
  --tls-cert file, --tls-key file
                              Offer TLS to clients, with this certificate (PEM).
  BLOBGRES_CREDENTIAL_KEY     (no flag) At least 32 random characters, the same for all proxies of a server. With it,
                              stored credentials cannot be opened with what the server keeps alone.
  --log-level level           trace, debug, info (default), warn, error, fatal or silent. The log goes to standard error.
  --drain-timeout seconds     How long a shutdown waits for what is under way. Default 30

Options of dev:
  --listen host:port          Where clients connect. Default 127.0.0.1:5433; port 0 takes a free one
  --azurite-port port         Azurite's port. Default 10000; 0 takes a free one
  --account name              A storage account to have in Azurite, with the key that its default account has;
                              repeatable. Default: pgquickstart and devstoreaccount1 alone
  --data-dir directory        What is kept between runs. Default .blobgres
  --log-level level           Default warn

SIGTERM or Ctrl-C ends either one in an orderly way, a second one at once.
Exit status: 0 after an orderly end, 1 after a failure, 2 for a command line that makes no sense.
`
