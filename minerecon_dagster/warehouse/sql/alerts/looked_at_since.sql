-- Of the days given, those that were evaluated after an instant, whatever was found, or that a person has closed.
SELECT DISTINCT settlement_date
FROM minerecon.reconciliation_latest
WHERE scope = 'day' AND settlement_date = ANY(CAST(:days AS date[])) AND evaluated_at > :since
UNION
SELECT settlement_date FROM minerecon.unavailable_days WHERE settlement_date = ANY(CAST(:days AS date[]));
