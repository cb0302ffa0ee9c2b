-- What is wrong now with the days of a range: each failed check that nobody has accepted, and its repair.
SELECT l.settlement_date AS first, l.settlement_date AS last, l.check_family || '.' || l.check_name AS "check", l.severity, r.expected, r.actual, r.repair
FROM minerecon.reconciliation_latest AS l
JOIN minerecon.reconciliation_results AS r USING (result_id)
WHERE l.settlement_date NOT IN (SELECT u.settlement_date FROM minerecon.unavailable_days AS u)
  AND NOT l.passed AND l.scope = 'day' AND l.settlement_date BETWEEN :first AND :last
  -- A remark on what stands beside the day is no matter of the day's own (minerecon.day_status).
  AND NOT (l.is_beside AND l.severity = 'WARN')
  -- Of a day that is not stored a comparison with Elexon says nothing: it looked at nothing.
  AND (l.check_family <> 'drift' OR l.settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries))
  AND NOT coalesce(l.waived_until >= (now() AT TIME ZONE 'Europe/London')::date, false)
ORDER BY l.severity, l.settlement_date DESC, 3;
