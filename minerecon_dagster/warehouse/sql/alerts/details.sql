-- What evaluations found. Cut only where it would fill the memory: a secret must be whole to be recognised and hidden.
SELECT result_id, left(expected, 20000) AS expected, left(actual, 20000) AS actual, looked_at, violation_count,
       left(repair, 20000) AS repair, run_id, left(waiver, 20000) AS waiver, waived_until, evaluated_at,
       CASE WHEN scope = 'all' THEN violations END AS groups
FROM minerecon.reconciliation_results
WHERE result_id = ANY(CAST(:ids AS bigint[]));
