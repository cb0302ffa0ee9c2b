-- Every function of both schemas, with its comment.
SELECT n.nspname || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ')'
       || CASE WHEN p.prorettype <> 'trigger'::regtype THEN ' → ' || pg_get_function_result(p.oid) ELSE '' END AS signature,
       obj_description(p.oid, 'pg_proc') AS meaning
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('minerecon', 'analytics')
ORDER BY 1;
