"""Ordinary work through asyncpg, directly and through the proxy, then azure_storage work through the proxy.

Arguments: direct URL, proxied URL, account, container, URL of the container. Both runs print the same lines.
"""

import asyncio
import io
import sys
from datetime import datetime
from decimal import Decimal

import asyncpg

direct, proxied, account, container, container_url = sys.argv[1:]


async def error(work):
    try:
        await work
    except asyncpg.PostgresError as e:
        return f"{type(e).__name__} {e.sqlstate} {e.message}"
    return "no error"


async def prepared(conn):
    statement = await conn.prepare("SELECT $1::int + n AS sum, $2::text AS s FROM generate_series(1, 3) AS n")
    print("describe", [a.name for a in statement.get_attributes()], [p.name for p in statement.get_parameters()])
    for i in range(3):
        print("prepared", [tuple(row) for row in await statement.fetch(i, "ä")])
    await conn.executemany("INSERT INTO t VALUES ($1, $2)", [(i, f"row {i}") for i in range(1000)])
    print("count", await conn.fetchval("SELECT count(*) FROM t"))


async def types(conn):
    values = [7, "ä", b"\x00\xff", Decimal("1.50"), datetime(2026, 1, 2, 3, 4, 5), [1, None, 3], None, 1.5, True]
    casts = ["int", "text", "bytea", "numeric", "timestamp", "int[]", "text", "float8", "bool"]
    query = "SELECT " + ", ".join(f"${i + 1}::{cast}" for i, cast in enumerate(casts))
    print("types", tuple(await conn.fetchrow(query, *values)))
    print("record", tuple(await conn.fetchval("SELECT row(1, 'a'::text)")))


async def copies(conn):
    print("copy in", await conn.copy_records_to_table("t", records=[(i, "copied") for i in range(5000)]))
    out = io.BytesIO()
    print("copy out", await conn.copy_from_query("SELECT * FROM t ORDER BY n, s", output=out), len(out.getvalue()))
    refused = conn.copy_to_table("t", source=io.BytesIO(b"x\ty\n"))
    print("copy", await error(refused))


async def transactions(conn):
    async with conn.transaction(isolation="repeatable_read"):
        await conn.execute("TRUNCATE t")
        savepoint = conn.transaction()
        await savepoint.start()
        print("savepoint", await error(conn.fetch("SELECT * FROM missing")))
        await savepoint.rollback()
        cursor = await conn.cursor("SELECT * FROM generate_series(1, 10) AS n")
        print("cursor", [tuple(row) for row in await cursor.fetch(3)], await cursor.forward(4), tuple(await cursor.fetchrow()))
        total = 0
        async for row in conn.cursor("SELECT n FROM generate_series(1, 120) AS n", prefetch=50):
            total += row["n"]
        print("cursor", total)
    print("count", await conn.fetchval("SELECT count(*) FROM t"))


async def notices(conn):
    heard = asyncio.get_running_loop().create_future()
    await conn.add_listener("channel", lambda _, pid, channel, payload: heard.set_result((pid, channel, payload)))
    await conn.execute("NOTIFY channel, 'payload'")
    pid, channel, payload = await heard
    print("notification", pid == conn.get_server_pid(), channel, payload)


async def cancels(conn):
    try:
        await conn.fetch("SELECT pg_sleep(30)", timeout=0.3)
    except asyncio.TimeoutError:
        print("timeout", await conn.fetchval("SELECT 'alive'"))


async def ordinary(conn):
    await conn.execute("CREATE TEMP TABLE t (n int, s text)")
    for work in prepared, types, copies, transactions, notices, cancels:
        await work(conn)


async def azure(conn):
    await conn.execute("INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 20) AS n")
    put = await conn.prepare("SELECT azure_storage.blob_put($1, $2, $3, t) FROM t")
    for i in range(3):
        await put.fetch(account, container, f"asyncpg/{i}.csv")
    print("export", await conn.execute(f"COPY t TO '{container_url}/asyncpg/copy.csv.gz'"))
    listed = await conn.fetch("SELECT path, bytes FROM azure_storage.blob_list($1, $2, 'asyncpg/')", account, container)
    print("list", [row["path"] for row in listed if row["bytes"] > 0])
    async with conn.transaction():
        # Simple query, then Parse, Describe and Execute.
        print("import", await conn.execute(f"COPY t FROM '{container_url}/asyncpg/0.csv'"))
        statement = await conn.prepare(f"COPY t FROM '{container_url}/asyncpg/1.csv'")
        for _ in range(2):
            await statement.fetch()
            print("import", statement.get_statusmsg())
        savepoint = conn.transaction()
        await savepoint.start()
        print("missing", await error(conn.execute(f"COPY t FROM '{container_url}/asyncpg/missing.csv'")))
        await savepoint.rollback()
        print("count", await conn.fetchval("SELECT count(*) FROM t"))
        get = "SELECT * FROM azure_storage.blob_get($1, $2, 'asyncpg/copy.csv.gz') AS t (n int, s text)"
        total = 0
        async for row in conn.cursor(get, account, container, prefetch=3):
            total += row["n"] if row["s"] == f"row {row['n']}" else 0
        print("cursor", total)
    for _ in range(3):
        print("get", await conn.fetchval(f"SELECT sum(n) FROM ({get}) AS q", account, container))
    out = io.BytesIO()
    print("copy", await conn.copy_from_query(get, account, container, output=out, format="binary"), len(out.getvalue()))


async def main():
    for url in direct, proxied:
        conn = await asyncpg.connect(url)
        await ordinary(conn)
        print("---")
        if url == proxied:
            await azure(conn)
        await conn.close()


asyncio.run(main())
