-- The readers' sessions that a waiting session (:pid) waits for: whoever may become an analyst, and not the pipeline.
-- A role that has been dropped since has no name; such a session is nobody's that is asked for here.
SELECT a.pid, CAST(a.usename AS text) AS role, coalesce(a.query, '') AS query
FROM unnest(pg_blocking_pids(:pid)) AS b (pid)
JOIN pg_stat_activity AS a ON a.pid = b.pid
JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE NOT r.rolsuper
  AND pg_has_role(r.oid, CAST(to_regrole('minerecon_analyst') AS oid), 'MEMBER')
  AND NOT pg_has_role(r.oid, CAST(to_regrole('minerecon_pipeline') AS oid), 'MEMBER');
