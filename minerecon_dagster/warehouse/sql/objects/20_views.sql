-- The latest evaluation of each property of each day, and the day's state in one word.
DROP VIEW IF EXISTS analytics.reconciliation_status;
CREATE VIEW analytics.reconciliation_status AS
WITH checks AS (
    SELECT settlement_date,
           count(*) AS check_count,
           count(*) FILTER (WHERE NOT passed AND NOT waived AND severity = 'ERROR') AS error_count,
           count(*) FILTER (WHERE NOT passed AND NOT waived AND severity = 'WARN') AS warning_count,
           count(*) FILTER (WHERE NOT passed AND waived) AS waived_count,
           array_agg(property ORDER BY property) FILTER (WHERE NOT passed AND NOT waived) AS not_passed,
           array_agg(property ORDER BY property) FILTER (WHERE NOT passed AND waived) AS waived,
           max(evaluated_at) AS evaluated_at
    FROM (
        SELECT *, check_family || '.' || check_name AS property,
               coalesce(waived_until >= (now() AT TIME ZONE 'Europe/London')::date, false) AS waived
        FROM minerecon.reconciliation_latest
        -- Of a day that is not stored a comparison with Elexon says nothing: it looked at nothing.
        WHERE scope = 'day' AND settlement_date NOT IN (SELECT u.settlement_date FROM minerecon.unavailable_days AS u)
          AND (check_family <> 'drift' OR settlement_date IN (SELECT summary_date FROM minerecon.daily_summaries))
    ) AS latest
    GROUP BY settlement_date
), attempts AS (
    SELECT settlement_date, bool_or(status = 'failed' OR (status <> 'unpublished' AND error IS NOT NULL)) AS has_failed
    FROM minerecon.ingestion_progress GROUP BY settlement_date
), unproven AS (
    SELECT DISTINCT settlement_date FROM minerecon.unproven_periods()
), days AS (
    SELECT summary_date AS settlement_date FROM minerecon.daily_summaries
    UNION SELECT settlement_date FROM checks
    UNION SELECT settlement_date FROM attempts
    UNION SELECT settlement_date FROM minerecon.unavailable_days
)
SELECT d.settlement_date,
       CASE WHEN u.settlement_date IS NOT NULL THEN 'unavailable'
            WHEN c.error_count > 0 OR a.has_failed THEN 'failing'
            WHEN s.summary_date IS NULL THEN 'missing'
            WHEN p.settlement_date IS NOT NULL THEN 'incomplete'
            WHEN s.state <> 'final' THEN s.state
            WHEN coalesce(c.check_count, 0) = 0 THEN 'provisional'
            WHEN c.warning_count > 0 THEN 'warned'
            WHEN c.waived_count > 0 THEN 'waived'
            ELSE 'complete' END AS status,
       CASE WHEN u.settlement_date IS NOT NULL THEN 'unavailable'
            WHEN s.summary_date IS NULL THEN NULL
            WHEN p.settlement_date IS NOT NULL THEN 'incomplete'
            ELSE s.state END AS day_state,
       coalesce(c.check_count, 0) AS check_count,
       coalesce(c.error_count, 0) AS error_count,
       coalesce(c.warning_count, 0) AS warning_count,
       coalesce(c.not_passed, '{}') AS not_passed,
       coalesce(c.waived_count, 0) AS waived_count,
       coalesce(c.waived, '{}') AS waived,
       c.evaluated_at,
       coalesce(s.is_synthetic, false) AS is_synthetic
FROM days AS d
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.settlement_date
LEFT JOIN checks AS c USING (settlement_date)
LEFT JOIN attempts AS a USING (settlement_date)
LEFT JOIN unproven AS p USING (settlement_date)
LEFT JOIN minerecon.unavailable_days AS u USING (settlement_date);

COMMENT ON VIEW analytics.reconciliation_status IS
'One row per settlement day that was ever attempted: its status in one word (complete: final, and every check passes; warned: final, and a person should look; waived: final, and what a check found is accepted for a time; provisional; incomplete; failing; missing; unavailable: closed by a person, and its figures are NULL) and the latest result of every check.';
