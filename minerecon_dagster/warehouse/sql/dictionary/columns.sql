-- Every column of every table and view of both schemas, with the comments.
SELECT n.nspname || '.' || c.relname AS relation, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END AS kind,
       obj_description(c.oid, 'pg_class') AS relation_meaning,
       a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS type,
       col_description(c.oid, a.attnum) AS meaning
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname IN ('minerecon', 'analytics') AND c.relkind IN ('r', 'v', 'm', 'p') AND c.relname <> 'alembic_version'
ORDER BY 1, a.attnum;
