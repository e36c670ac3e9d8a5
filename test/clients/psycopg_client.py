"""Ordinary work through psycopg 3, directly and through the proxy, then azure_storage work through the proxy.

Arguments: direct URL, proxied URL, account, container, URL of the container. Both runs print the same lines.
"""

import sys
import threading
import time
from datetime import datetime
from decimal import Decimal

import psycopg

direct, proxied, account, container, container_url = sys.argv[1:]


def error(work):
    try:
        work()
    except psycopg.Error as e:
        return f"{type(e).__name__} {e.sqlstate} {e.diag.message_primary}"
    return "no error"


def pipelines(conn):
    with conn.pipeline() as pipeline:
        cursors = [conn.execute("SELECT %s::int * 2", [i]) for i in range(100)]
        pipeline.sync()
        print("pipeline", sum(cursor.fetchone()[0] for cursor in cursors))
    conn.commit()

    def broken():
        with conn.pipeline() as pipeline:
            conn.execute("INSERT INTO t VALUES (1, 'lost')")
            conn.execute("SELECT 1 / 0")
            conn.execute("INSERT INTO t VALUES (2, 'never run')")
            pipeline.sync()

    print("broken pipeline", error(broken), conn.info.transaction_status.name)
    conn.rollback()
    with conn.pipeline():
        with conn.transaction():
            conn.execute("INSERT INTO t VALUES (3, 'kept')")
    print("rows", conn.execute("SELECT n, s FROM t ORDER BY n").fetchall())
    conn.commit()


def types(conn):
    values = [7, "ä", b"\x00\xff", Decimal("1.50"), datetime(2026, 1, 2, 3, 4, 5), [1, None, 3], None, 1.5, True]
    for binary in False, True:
        cursor = conn.cursor(binary=binary)
        mark = "%b" if binary else "%t"
        casts = ["int", "text", "bytea", "numeric", "timestamp", "int[]", "text", "float8", "bool"]
        query = "SELECT " + ", ".join(f"{mark}::{cast}" for cast in casts)
        for _ in range(3):
            row = cursor.execute(query, values, prepare=True).fetchone()
        print("types", binary, row, [column.type_code for column in cursor.description])
    conn.commit()


def copies(conn):
    cursor = conn.cursor()
    for binary in False, True:
        form = "(FORMAT binary)" if binary else ""
        with cursor.copy(f"COPY t FROM STDIN {form}") as copy:
            if binary:
                copy.set_types(["int4", "text"])
            for n in range(1000):
                copy.write_row((n, f"row {n}"))
        with cursor.copy(f"COPY (SELECT * FROM t ORDER BY n, s) TO STDOUT {form}") as copy:
            print("copy", binary, cursor.rowcount, sum(len(chunk) for chunk in copy))

    def refused():
        with conn.transaction(), cursor.copy("COPY t FROM STDIN") as copy:
            copy.write("x\ty\n")

    print("copy", error(refused))
    print("count", conn.execute("SELECT count(*) FROM t").fetchone())
    conn.commit()


def cursors(conn):
    with conn.cursor("named", scrollable=True, binary=True) as cursor:
        cursor.itersize = 7
        cursor.execute("SELECT * FROM generate_series(1, 50)")
        print("cursor", sum(n for n, in cursor), end=" ")
        cursor.scroll(-5)
        print(cursor.fetchmany(2))
    conn.commit()


def transactions(conn):
    with conn.transaction():
        conn.execute("TRUNCATE t")
        print("savepoint", error(lambda: savepoint(conn)))
        conn.execute("INSERT INTO t VALUES (1, 'outer')")
    print("rows", conn.execute("SELECT * FROM t").fetchall(), conn.info.transaction_status.name)
    conn.rollback()


def savepoint(conn):
    with conn.transaction():
        conn.execute("INSERT INTO t VALUES (2, 'inner')")
        conn.execute("SELECT * FROM missing")


def notices(conn):
    seen = []
    conn.add_notice_handler(lambda notice: seen.append(notice.message_primary))
    conn.execute("DO $$BEGIN RAISE NOTICE 'hello'; END$$")
    conn.commit()
    conn.autocommit = True
    conn.add_notify_handler(lambda notify: seen.append((notify.channel, notify.payload, notify.pid == conn.info.backend_pid)))
    conn.execute("LISTEN channel")
    conn.execute("NOTIFY channel, 'payload'")
    print("notices", seen)
    conn.autocommit = False


def cancels(conn, statement):
    def cancel():
        time.sleep(0.3)
        conn.cancel()

    thread = threading.Thread(target=cancel)
    thread.start()
    print("cancel", error(lambda: conn.execute(statement)))
    thread.join()
    conn.rollback()


def ordinary(conn):
    conn.execute("CREATE TEMP TABLE t (n int, s text)")
    conn.commit()
    for work in pipelines, types, copies, cursors, transactions, notices:
        work(conn)
    cancels(conn, "SELECT pg_sleep(30)")


def azure(conn):
    conn.execute("TRUNCATE t")
    conn.execute("INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 20) AS n")
    for i in range(7):  # from the sixth on psycopg prepares by itself
        conn.execute("SELECT azure_storage.blob_put(%s, %s, %s, t) FROM t", [account, container, f"psycopg/{i}.csv"])
    print("export", conn.execute(f"COPY t TO '{container_url}/psycopg/copy.csv.gz'").rowcount)
    conn.commit()
    listed = conn.cursor(binary=True).execute(
        "SELECT path, bytes FROM azure_storage.blob_list(%s, %s, 'psycopg/')", [account, container]
    )
    print("list", [path for path, size in listed.fetchall() if size > 0])

    with conn.transaction():
        print("import", conn.execute(f"COPY t FROM '{container_url}/psycopg/0.csv'").rowcount)
        print("missing", error(lambda: missing(conn)))
        print("count", conn.execute("SELECT count(*) FROM t").fetchone())
    with conn.pipeline() as pipeline:
        conn.execute("DELETE FROM t")
        imported = [conn.execute(f"COPY t FROM '{container_url}/psycopg/{i}.csv'", prepare=True) for i in range(2)]
        counted = conn.execute("SELECT count(*) FROM t")
        pipeline.sync()
        print("pipeline", [cursor.rowcount for cursor in imported], counted.fetchone())
    conn.commit()

    def broken():
        with conn.pipeline() as pipeline:
            conn.execute("DELETE FROM t")
            conn.execute(f"COPY t TO '{container_url}/psycopg/none.csv'")
            conn.execute("SELECT 1 / 0")
            pipeline.sync()

    print("broken pipeline", error(broken))
    conn.rollback()
    print("count", conn.execute("SELECT count(*) FROM t").fetchone())
    with conn.cursor("blob", binary=True) as cursor:
        cursor.itersize = 3
        cursor.execute(
            "SELECT * FROM azure_storage.blob_get(%s, %s, 'psycopg/copy.csv.gz') AS t (n int, s text)",
            [account, container],
        )
        print("cursor", sum(n for n, s in cursor if s == f"row {n}"))
    conn.commit()
    with conn.cursor().copy(
        f"COPY (SELECT * FROM azure_storage.blob_get('{account}', '{container}', 'psycopg/0.csv') AS t (n int, s text)) TO STDOUT"
    ) as copy:
        print("copy", sum(len(chunk) for chunk in copy))
    conn.commit()


def missing(conn):
    with conn.transaction():
        conn.execute(f"COPY t FROM '{container_url}/psycopg/missing.csv'")


for url in direct, proxied:
    with psycopg.connect(url) as conn:
        ordinary(conn)
        print("---")
        if url == proxied:
            azure(conn)
