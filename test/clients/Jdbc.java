import java.io.ByteArrayOutputStream;
import java.io.StringReader;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;

/**
 * Ordinary work through JDBC, directly and through the proxy, then azure_storage work through the proxy.
 *
 * Arguments: direct URL, proxied URL, account, container, URL of the container. Both runs print the same lines.
 */
public class Jdbc {
    interface Work { void run() throws Exception; }

    static Connection connection;
    static String account, container, containerUrl;

    public static void main(String[] args) throws Exception {
        account = args[2];
        container = args[3];
        containerUrl = args[4];
        for (String url : List.of(args[0], args[1])) {
            String jdbc = url.replaceFirst("^postgres://([^@]+)@(.*)$", "jdbc:postgresql://$2?user=$1")
                + "&autosave=always&prepareThreshold=2&binaryTransfer=true&sslmode=disable";
            connection = DriverManager.getConnection(jdbc);
            ordinary();
            System.out.println("---");
            if (url.equals(args[1])) azure();
            connection.close();
        }
    }

    static void ordinary() throws Exception {
        execute("CREATE TEMP TABLE t (n int, s text)");
        prepared();
        described();
        batches();
        fetches();
        autosave();
        copies();
        largeObjects();
        notifications();
        System.out.println("cancel " + cancelled("SELECT pg_sleep(30)"));
        System.out.println("alive " + sum("SELECT 1"));
    }

    static void prepared() throws Exception {
        String types = "SELECT ?::int, ?::text, ?::bytea, ?::numeric, ?::timestamp, ?::float8, ?::int[]";
        try (PreparedStatement statement = connection.prepareStatement(types)) {
            for (int i = 0; i < 5; i++) { // named and binary from the second on
                statement.setInt(1, i);
                statement.setString(2, i == 3 ? null : "ä");
                statement.setBytes(3, new byte[] {0, -1});
                statement.setBigDecimal(4, new java.math.BigDecimal("1.50"));
                statement.setTimestamp(5, Timestamp.valueOf("2026-01-02 03:04:05"));
                statement.setDouble(6, 1.5);
                statement.setArray(7, connection.createArrayOf("int4", new Integer[] {1, null, 3}));
                try (ResultSet rows = statement.executeQuery()) {
                    rows.next();
                    System.out.println("prepared " + rows.getInt(1) + rows.getString(2) + rows.getBytes(3).length
                        + rows.getBigDecimal(4) + rows.getTimestamp(5) + rows.getDouble(6) + rows.getArray(7));
                }
            }
        }
    }

    static void described() throws Exception {
        try (PreparedStatement statement = connection.prepareStatement("SELECT n AS a, s AS b FROM t WHERE n = ?")) {
            ResultSetMetaData columns = statement.getMetaData();
            System.out.println("described " + columns.getColumnLabel(1) + " " + columns.getColumnTypeName(2) + " "
                + statement.getParameterMetaData().getParameterTypeName(1));
        }
    }

    static void batches() throws Exception {
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO t VALUES (?, ?)")) {
            for (int i = 0; i < 1000; i++) {
                statement.setInt(1, i);
                statement.setString(2, "row " + i);
                statement.addBatch();
            }
            System.out.println("batch " + Arrays.stream(statement.executeBatch()).sum());
        }
        try (Statement statement = connection.createStatement()) {
            statement.addBatch("INSERT INTO t VALUES (1, 'batch')");
            statement.addBatch("INSERT INTO t VALUES ('x', 'batch')");
            statement.addBatch("INSERT INTO t VALUES (2, 'batch')");
            statement.executeBatch();
        } catch (BatchUpdateException e) {
            System.out.println("batch " + e.getSQLState() + " " + Arrays.toString(e.getUpdateCounts()));
        }
    }

    static void fetches() throws Exception {
        connection.setAutoCommit(false);
        System.out.println("fetch " + sum("SELECT n FROM t ORDER BY n"));
        connection.commit();
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.setMaxRows(3);
            int rows = 0;
            for (ResultSet each = statement.executeQuery("SELECT * FROM t"); each.next(); ) rows++;
            System.out.println("max rows " + rows);
        }
    }

    static void autosave() throws Exception {
        connection.setAutoCommit(false);
        execute("TRUNCATE t");
        System.out.println("autosave " + error(() -> execute("SELECT * FROM missing")));
        execute("INSERT INTO t VALUES (1, 'kept')");
        Savepoint savepoint = connection.setSavepoint("s");
        execute("INSERT INTO t VALUES (2, 'lost')");
        connection.rollback(savepoint);
        connection.commit();
        connection.setAutoCommit(true);
        System.out.println("count " + sum("SELECT count(*) FROM t"));
    }

    static void copies() throws Exception {
        CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < 5000; i++) rows.append(i).append("\tcopied\n");
        System.out.println("copy in " + manager.copyIn("COPY t FROM STDIN", new StringReader(rows.toString())));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        System.out.println("copy out " + manager.copyOut("COPY t TO STDOUT (FORMAT csv)", out) + " " + out.size());
        System.out.println("copy " + error(() -> manager.copyIn("COPY t FROM STDIN", new StringReader("x\ty\n"))));
    }

    static void largeObjects() throws Exception {
        connection.setAutoCommit(false);
        LargeObjectManager manager = connection.unwrap(PGConnection.class).getLargeObjectAPI();
        long oid = manager.createLO(LargeObjectManager.READWRITE);
        try (LargeObject object = manager.open(oid, LargeObjectManager.READWRITE)) {
            object.write(new byte[100_000]);
            object.seek(99_990);
            object.write("end".getBytes());
            object.seek(99_990);
            System.out.println("large object " + object.size() + " " + new String(object.read(3)));
        }
        manager.delete(oid);
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void notifications() throws Exception {
        execute("LISTEN channel");
        execute("NOTIFY channel, 'payload'");
        PGConnection postgres = connection.unwrap(PGConnection.class);
        var notification = postgres.getNotifications(5000)[0];
        System.out.println("notification " + notification.getName() + " " + notification.getParameter() + " "
            + (notification.getPID() == postgres.getBackendPID()));
    }

    static void azure() throws Exception {
        execute("TRUNCATE t");
        execute("INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 20) AS n");
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT azure_storage.blob_put(?, ?, ?, t) FROM t")) {
            for (int i = 0; i < 4; i++) {
                statement.setString(1, account);
                statement.setString(2, container);
                statement.setString(3, "jdbc/" + i + ".csv");
                statement.execute();
            }
        }
        try (PreparedStatement statement =
                connection.prepareStatement("COPY t TO '" + containerUrl + "/jdbc/copy.csv.gz'")) {
            for (int i = 0; i < 4; i++) System.out.println("export " + statement.executeUpdate());
        }
        connection.setAutoCommit(false);
        try (PreparedStatement statement =
                connection.prepareStatement("COPY t FROM '" + containerUrl + "/jdbc/0.csv'")) {
            for (int i = 0; i < 4; i++) System.out.println("import " + statement.executeUpdate());
        }
        System.out.println("autosave " + error(() -> execute("COPY t FROM '" + containerUrl + "/jdbc/missing.csv'")));
        execute("COPY t FROM '" + containerUrl + "/jdbc/1.csv'");
        Savepoint savepoint = connection.setSavepoint();
        execute("COPY t FROM '" + containerUrl + "/jdbc/2.csv'");
        connection.rollback(savepoint);
        connection.commit();
        System.out.println("count " + sum("SELECT count(*) FROM t"));
        String get = "azure_storage.blob_get('" + account + "', '" + container
            + "', 'jdbc/copy.csv.gz') AS t (n int, s text)";
        for (int i = 0; i < 3; i++) System.out.println("fetch " + sum("SELECT n FROM " + get + " WHERE s = 'row ' || n"));
        connection.rollback();
        connection.setAutoCommit(true);
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT path FROM azure_storage.blob_list(?, ?, ?) ORDER BY path DESC LIMIT 1")) {
            System.out.println("described " + statement.getMetaData().getColumnTypeName(1));
            for (int i = 0; i < 3; i++) {
                statement.setString(1, account);
                statement.setString(2, container);
                statement.setString(3, "jdbc/");
                ResultSet rows = statement.executeQuery();
                rows.next();
                System.out.println("list " + rows.getString(1));
            }
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        long copied = connection.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT * FROM " + get + ") TO STDOUT", out);
        System.out.println("copy " + copied + " " + out.size());
    }

    static void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Of the first column, in a portal of its own when a transaction is open. */
    static long sum(String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setFetchSize(7);
            long sum = 0;
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) sum += rows.getLong(1);
            }
            return sum;
        }
    }

    static String cancelled(String sql) throws Exception {
        try (Statement statement = connection.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    statement.cancel();
                } catch (Exception e) {
                    System.out.println(e);
                }
            });
            canceller.start();
            String error = error(() -> statement.execute(sql));
            canceller.join();
            return error;
        }
    }

    static String error(Work work) throws Exception {
        try {
            work.run();
        } catch (SQLException e) {
            return e.getSQLState() + " " + e.getMessage().split("\n")[0];
        }
        return "no error";
    }
}
