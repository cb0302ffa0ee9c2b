-- The columns of every table and view, and of every function of rows, in order.
SELECT n.nspname || '.' || c.relname AS relation, CAST(a.attname AS text) AS name,
       format_type(a.atttypid, a.atttypmod) AS sql_type, col_description(c.oid, a.attnum) AS comment
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname IN ('minerecon', 'analytics') AND c.relkind IN ('r', 'p', 'v')
UNION ALL
SELECT relation, name, sql_type, NULL
FROM (
    SELECT n.nspname || '.' || p.proname AS relation, x.name, format_type(x.type_oid, NULL) AS sql_type, x.place
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    CROSS JOIN LATERAL unnest(p.proargnames, p.proallargtypes, p.proargmodes) WITH ORDINALITY
        AS x (name, type_oid, mode, place)
    WHERE n.nspname = 'analytics' AND p.proretset AND x.mode = 't'
    ORDER BY relation, x.place
) AS of_functions;
