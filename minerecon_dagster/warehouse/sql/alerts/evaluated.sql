-- When properties were last evaluated of days, months and years (:scopes and the first day of each), whatever was found.
SELECT scope, settlement_date, check_family || '.' || check_name AS property, evaluated_at
FROM minerecon.reconciliation_latest
WHERE (scope, settlement_date) IN (SELECT * FROM unnest(CAST(:scopes AS text[]), CAST(:dates AS date[])))
  AND check_family || '.' || check_name = ANY(CAST(:properties AS text[]));
