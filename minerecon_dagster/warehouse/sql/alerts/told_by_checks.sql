-- Of the days given, those of which a run itself recorded that a check fails at ERROR: each has an alert of its own.
SELECT DISTINCT settlement_date
FROM minerecon.reconciliation_results
WHERE scope = 'day' AND settlement_date = ANY(CAST(:days AS date[])) AND run_id = :run_id
  AND NOT passed AND severity = 'ERROR' AND NOT coalesce(waived_until >= :today, false);
