-- What the latest look at a day has found to differ from Elexon's answers, or to be silent: the properties that are red of
-- it, and not waived. That something could not be looked at is no difference, and whoever can look may say what it finds.
SELECT l.check_family || '.' || l.check_name AS property, l.severity, r.expected, r.actual, r.violation_count
FROM minerecon.reconciliation_latest AS l
JOIN minerecon.reconciliation_results AS r USING (result_id)
WHERE l.scope = 'day' AND l.settlement_date = :day AND l.check_family = 'drift' AND NOT l.passed
  AND (l.waived_until IS NULL OR l.waived_until < (now() AT TIME ZONE 'Europe/London')::date)
  AND (r.violation_count > jsonb_array_length(r.violations)
       OR EXISTS (SELECT FROM jsonb_array_elements(r.violations) AS v WHERE NOT v ? 'could_not_look_at'))
ORDER BY 1;
