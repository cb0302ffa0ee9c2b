-- What failed at ERROR when last looked at, and whether that is accepted today. Of the looks at all days, each on its own
-- date, only the latest counts: by its number, since a clock that was ahead for a while has left dates to come.
SELECT scope, settlement_date, check_family, check_name, result_id,
       coalesce(waived_until >= :today, false) AS waived
FROM (
    SELECT * FROM minerecon.reconciliation_latest WHERE scope IN ('month', 'year')
    UNION ALL
    -- What is said of a day that a person has closed counts no more.
    SELECT * FROM minerecon.reconciliation_latest
    WHERE scope = 'day' AND settlement_date NOT IN (SELECT u.settlement_date FROM minerecon.unavailable_days AS u)
    UNION ALL
    (SELECT DISTINCT ON (check_family, check_name) * FROM minerecon.reconciliation_latest
     WHERE scope = 'all' ORDER BY check_family, check_name, result_id DESC)
) AS latest
WHERE NOT passed AND severity = 'ERROR'
  -- Of a day that is not stored a comparison with Elexon says nothing: it looked at nothing.
  AND (scope <> 'day' OR check_family <> 'drift'
       OR settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries));
