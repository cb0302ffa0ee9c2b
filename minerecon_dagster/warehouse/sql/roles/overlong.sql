-- Sessions of analysts (the role, and roles that have its rights) that have gone on for too long: a statement for more
-- than %(limit_s)s seconds, or a transaction, idle or not, for more than twice that. Of a session that the asking role
-- may not look into, only that it is there.
WITH sessions AS (
    SELECT a.pid, a.backend_start, a.usename, a.datname, CAST(a.client_addr AS text) AS client, left(a.query, 200) AS query,
           a.state IS NULL AS is_hidden,
           CASE WHEN a.state IN ('active', 'fastpath function call')
                THEN CAST(extract(epoch FROM clock_timestamp() - a.query_start) AS float) END AS statement_s,
           CAST(extract(epoch FROM clock_timestamp() - a.xact_start) AS float) AS transaction_s
    FROM pg_stat_activity AS a
    JOIN pg_roles AS r ON r.oid = a.usesysid AND NOT r.rolsuper
    WHERE pg_has_role(r.oid, 'minerecon_analyst', 'USAGE') AND NOT pg_has_role(r.oid, 'minerecon_pipeline', 'MEMBER')
      AND a.backend_type IS DISTINCT FROM 'parallel worker' -- it ends with its leader
)
SELECT pid, backend_start, usename, datname, client, query,
       CASE WHEN is_hidden THEN 'hidden' WHEN statement_s > %(limit_s)s THEN 'statement' ELSE 'transaction' END AS kind,
       CASE WHEN statement_s > %(limit_s)s THEN statement_s ELSE transaction_s END AS seconds
FROM sessions
WHERE is_hidden OR statement_s > %(limit_s)s OR transaction_s > 2 * %(limit_s)s
ORDER BY backend_start, pid
