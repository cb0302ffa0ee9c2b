-- Views and functions of a schema as the server has them: what each is, its comment and those of its columns.
-- The name of the schema is left out of all of it, so that two schemas can be compared.
WITH objects AS (
    SELECT 'view' AS kind, c.oid, CAST('pg_class' AS text) AS catalog, CAST(c.relname AS text) AS name,
           'VIEW ' || quote_ident(c.relname) AS what, pg_get_viewdef(c.oid) AS definition
    FROM pg_class AS c WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind = 'v'
    UNION ALL
    SELECT 'function', p.oid, 'pg_proc', p.proname,
           'FUNCTION ' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           pg_get_functiondef(p.oid)
    FROM pg_proc AS p WHERE p.pronamespace = CAST(:schema AS regnamespace) AND p.prokind = 'f'
)
SELECT o.kind, o.name, o.what, replace(o.definition, :schema || '.', '{schema}.') AS definition,
       replace(obj_description(o.oid, CAST(o.catalog AS name)), :schema || '.', '{schema}.') AS comment,
       ARRAY(SELECT CAST(a.attname AS text) FROM pg_attribute AS a WHERE o.kind = 'view' AND a.attrelid = o.oid AND a.attnum > 0
             ORDER BY a.attnum) AS columns,
       ARRAY(SELECT replace(col_description(o.oid, a.attnum), :schema || '.', '{schema}.')
             FROM pg_attribute AS a WHERE o.kind = 'view' AND a.attrelid = o.oid AND a.attnum > 0 ORDER BY a.attnum) AS column_comments,
       ARRAY(SELECT DISTINCT CAST(on_it.relname AS text)
             FROM pg_depend AS d JOIN pg_rewrite AS r ON r.oid = d.objid JOIN pg_class AS on_it ON on_it.oid = r.ev_class
             WHERE d.classid = CAST('pg_rewrite' AS regclass) AND d.refclassid = CAST('pg_class' AS regclass)
               AND d.refobjid = o.oid AND on_it.oid <> o.oid AND on_it.relkind = 'v'
               AND on_it.relnamespace = CAST(:schema AS regnamespace)) AS stood_on_by
FROM objects AS o
ORDER BY o.oid;
