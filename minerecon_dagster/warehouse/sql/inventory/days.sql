-- Every day of the calendar from :first_day to :last_day: its status, how much of it is stored, and the properties that
-- did not hold when last looked at, with the command that mends each and the waiver that accepts it.
SELECT CAST(calendar.day AS date) AS settlement_date,
       coalesce(r.status, 'missing') AS status,
       s.summary_date IS NOT NULL AS is_stored,
       coalesce(s.is_final AND r.day_state = 'final', false) AS is_final,
       coalesce(s.periods_due, 0) AS periods_due,
       coalesce(s.periods_present, 0) AS periods_present,
       coalesce(problems.problems, '[]') AS problems
FROM generate_series(CAST(:first_day AS timestamp), CAST(:last_day AS timestamp), interval '1 day') AS calendar (day)
LEFT JOIN analytics.reconciliation_status AS r ON r.settlement_date = CAST(calendar.day AS date)
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = CAST(calendar.day AS date)
LEFT JOIN (
    SELECT l.settlement_date,
           jsonb_agg(jsonb_build_object(
               'property', l.check_family || '.' || l.check_name, 'severity', l.severity, 'repair', e.repair,
               'waiver', CASE WHEN l.waived_until >= (now() AT TIME ZONE 'Europe/London')::date THEN e.waiver END,
               'waived_until', l.waived_until
           ) ORDER BY l.severity, l.check_family, l.check_name) AS problems
    FROM minerecon.reconciliation_latest AS l
    JOIN minerecon.reconciliation_results AS e USING (result_id)
    WHERE l.scope = 'day' AND NOT l.passed
      -- A remark on what stands beside the day is no matter of the day's own (minerecon.day_status).
      AND NOT (l.is_beside AND l.severity = 'WARN')
      AND l.settlement_date NOT IN (SELECT u.settlement_date FROM minerecon.unavailable_days AS u)
      AND (l.check_family <> 'drift' OR l.settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries))
    GROUP BY l.settlement_date
) AS problems ON problems.settlement_date = CAST(calendar.day AS date)
ORDER BY calendar.day;
