-- Of the days given, those that were evaluated after an instant, whatever was found.
SELECT DISTINCT settlement_date
FROM minerecon.reconciliation_latest
WHERE scope = 'day' AND settlement_date = ANY(CAST(:days AS date[])) AND evaluated_at > :since;
