-- What the watchdog prepares once, and needs no table for: while somebody holds a catalog no view of it can be read, and
-- nobody logs in. Names are looked up beforehand (readers.sql).
PREPARE minerecon_sessions (oid[]) AS
SELECT a.pid, a.backend_start, a.usesysid, a.datid, CAST(a.client_addr AS text) AS client, left(a.query, 200) AS query,
       CASE WHEN a.state IN ('active', 'fastpath function call')
            THEN CAST(extract(epoch FROM clock_timestamp() - a.query_start) AS float) END AS statement_s,
       CAST(extract(epoch FROM clock_timestamp() - a.xact_start) AS float) AS transaction_s,
       CASE WHEN a.state = 'idle' THEN CAST(extract(epoch FROM clock_timestamp() - a.state_change) AS float) END AS idle_s,
       CAST(extract(epoch FROM clock_timestamp() - a.backend_start) AS float) AS session_s,
       coalesce(l.waits, false) AS waits, coalesce(l.holds, false) AS holds
FROM pg_stat_get_activity(NULL) AS a
LEFT JOIN (
    -- A reader needs none but ACCESS SHARE. SIReadLock is no lock, but what a serializable transaction has read.
    SELECT pid, bool_or(NOT granted) AS waits, bool_or(granted) AS holds FROM pg_lock_status()
    WHERE locktype = 'relation' AND mode NOT IN ('AccessShareLock', 'SIReadLock') GROUP BY pid
) AS l ON l.pid = a.pid
WHERE a.usesysid = ANY($1) AND a.backend_type IS DISTINCT FROM 'parallel worker' -- it ends with its leader
ORDER BY a.backend_start, a.pid;

PREPARE minerecon_prepared (oid[]) AS
SELECT p.gid, p.ownerid, p.dbid, CAST(extract(epoch FROM clock_timestamp() - p.prepared) AS float) AS seconds
FROM pg_prepared_xact() AS p WHERE p.ownerid = ANY($1);

PREPARE minerecon_queue AS SELECT pg_notification_queue_usage();

-- Of the session that was found, and of nobody who has its process id by now.
PREPARE minerecon_cancel (int, timestamptz) AS
SELECT pg_cancel_backend(a.pid) FROM pg_stat_get_activity($1) AS a WHERE a.backend_start = $2;

PREPARE minerecon_terminate (int, timestamptz) AS
SELECT pg_terminate_backend(a.pid) FROM pg_stat_get_activity($1) AS a WHERE a.backend_start = $2
