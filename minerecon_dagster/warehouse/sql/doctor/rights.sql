-- What this connection lacks that a run needs: to read and change the tables, to read the views.
SELECT r.privilege || ' on ' || CAST(CAST(c.oid AS regclass) AS text) AS lacking
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(CASE WHEN n.nspname = 'minerecon' AND c.relkind IN ('r', 'p') AND c.relname <> 'alembic_version'
                               THEN ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] ELSE ARRAY['SELECT'] END) AS r (privilege)
WHERE n.nspname IN ('minerecon', 'analytics') AND c.relkind IN ('r', 'p', 'v')
  AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, r.privilege))
ORDER BY lacking;
