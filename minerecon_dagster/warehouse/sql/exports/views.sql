-- The views for analysts and their columns, in order, with their comments.
SELECT c.relname AS view_name,
       obj_description(c.oid, 'pg_class') AS view_comment,
       a.attname AS column_name,
       format_type(a.atttypid, a.atttypmod) AS column_type,
       col_description(c.oid, a.attnum) AS column_comment
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'analytics' AND c.relkind IN ('v', 'm')
ORDER BY c.relname COLLATE "C", a.attnum
