-- Of what runs have not done (:run_ids, :scopes and the first day of each), that of which the run itself recorded that a
-- check fails at ERROR: it has an alert of its own.
SELECT DISTINCT run_id, scope, settlement_date
FROM minerecon.reconciliation_results
WHERE (run_id, scope, settlement_date) IN (
    SELECT * FROM unnest(CAST(:run_ids AS text[]), CAST(:scopes AS text[]), CAST(:dates AS date[]))
) AND NOT passed AND severity = 'ERROR' AND NOT coalesce(waived_until >= :today, false)
  -- Of a day that is not stored a comparison with Elexon is no alert (failing.sql).
  AND (scope <> 'day' OR check_family <> 'drift'
       OR settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries));
