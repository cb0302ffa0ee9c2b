-- The state of one settlement day in one word, and the latest result of each of its checks. It is a function, so that
-- what asks for a few days reads the rows of these days and no others; the planner takes it apart like a view.
CREATE OR REPLACE FUNCTION minerecon.day_status(of_day date)
RETURNS TABLE (
    status text, day_state text, check_count bigint, error_count bigint, warning_count bigint, not_passed text[],
    waived_count bigint, waived text[], evaluated_at timestamptz, is_synthetic boolean, was_attempted boolean
) LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN u.settlement_date IS NOT NULL THEN 'unavailable'
                WHEN c.error_count > 0 OR a.has_failed THEN 'failing'
                WHEN s.summary_date IS NULL THEN 'missing'
                WHEN p.is_unproven THEN 'incomplete'
                WHEN s.state <> 'final' THEN s.state
                WHEN c.check_count = 0 THEN 'provisional'
                WHEN c.warning_count > 0 THEN 'warned'
                WHEN c.waived_count > 0 THEN 'waived'
                ELSE 'complete' END,
           CASE WHEN u.settlement_date IS NOT NULL THEN 'unavailable'
                WHEN s.summary_date IS NULL THEN NULL
                WHEN p.is_unproven THEN 'incomplete'
                ELSE s.state END,
           c.check_count, c.error_count, c.warning_count, coalesce(c.not_passed, '{}'), c.waived_count,
           coalesce(c.waived, '{}'), c.evaluated_at, coalesce(s.is_synthetic, false),
           s.summary_date IS NOT NULL OR u.settlement_date IS NOT NULL OR c.check_count > 0 OR a.has_failed IS NOT NULL
    FROM (SELECT of_day) AS asked
    LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = of_day
    LEFT JOIN minerecon.unavailable_days AS u ON u.settlement_date = of_day
    CROSS JOIN LATERAL (
        -- Of what stands beside the day's figures an error means that it is not shown, which is a warning of the day; and a
        -- warning is a remark on others' figures, which is no matter of the day's own.
        SELECT count(*) FILTER (WHERE passed OR NOT w.is_remark) AS check_count,
               count(*) FILTER (WHERE NOT passed AND NOT w.waived AND severity = 'ERROR' AND NOT is_beside) AS error_count,
               count(*) FILTER (
                   WHERE NOT passed AND NOT w.waived AND NOT w.is_remark AND (severity = 'WARN' OR is_beside)
               ) AS warning_count,
               count(*) FILTER (WHERE NOT passed AND w.waived) AS waived_count,
               array_agg(property ORDER BY property) FILTER (
                   WHERE NOT passed AND NOT w.waived AND NOT w.is_remark
               ) AS not_passed,
               array_agg(property ORDER BY property) FILTER (WHERE NOT passed AND w.waived) AS waived,
               max(evaluated_at) AS evaluated_at
        FROM minerecon.reconciliation_latest
        CROSS JOIN LATERAL (
            SELECT check_family || '.' || check_name AS property,
                   coalesce(waived_until >= (now() AT TIME ZONE 'Europe/London')::date, false) AS waived,
                   is_beside AND severity = 'WARN' AS is_remark
        ) AS w
        -- Of a day that is not stored a comparison with Elexon says nothing: it looked at nothing.
        WHERE scope = 'day' AND settlement_date = of_day AND u.settlement_date IS NULL
          AND (check_family <> 'drift' OR s.summary_date IS NOT NULL)
    ) AS c
    CROSS JOIN LATERAL (
        SELECT bool_or(status = 'failed' OR (status <> 'unpublished' AND error IS NOT NULL)) AS has_failed
        FROM minerecon.ingestion_progress WHERE settlement_date = of_day
    ) AS a
    CROSS JOIN LATERAL (
        -- OFFSET 0: it is asked for twice, and looked up once.
        SELECT EXISTS (SELECT FROM minerecon.unproven_periods() AS n WHERE n.settlement_date = of_day) AS is_unproven
        OFFSET 0
    ) AS p
$$;

COMMENT ON FUNCTION minerecon.day_status(date) IS
'The state of a settlement day in one word, and the latest result of each of its checks, as analytics.reconciliation_status has them; was_attempted: whether that has the day.';

-- The days that were ever attempted. They are looked for in the calendar between the first and the last of them: to look
-- up a day in four tables costs less than to read these.
CREATE VIEW analytics.reconciliation_status AS
SELECT c.settlement_date, r.status, r.day_state, r.check_count, r.error_count, r.warning_count, r.not_passed,
       r.waived_count, r.waived, r.evaluated_at, r.is_synthetic
FROM (
    SELECT min(first_day) AS first_day, max(last_day) AS last_day
    FROM (
        SELECT min(summary_date) AS first_day, max(summary_date) AS last_day FROM minerecon.daily_summaries
        UNION ALL SELECT min(settlement_date), max(settlement_date) FROM minerecon.unavailable_days
        UNION ALL SELECT min(settlement_date), max(settlement_date) FROM minerecon.ingestion_progress
        UNION ALL SELECT min(settlement_date), max(settlement_date) FROM minerecon.reconciliation_latest WHERE scope = 'day'
    ) AS known
) AS span
CROSS JOIN LATERAL (
    SELECT span.first_day + n AS settlement_date FROM generate_series(0, span.last_day - span.first_day) AS n
) AS c
CROSS JOIN LATERAL minerecon.day_status(c.settlement_date) AS r
WHERE r.was_attempted;

COMMENT ON VIEW analytics.reconciliation_status IS
'One row per settlement day that was ever attempted: its status in one word (complete: final, and every check passes, but remarks on what stands beside a day, as notified potential and metered output; warned: final, and a person should look; waived: final, and what a check found is accepted for a time; provisional; incomplete; failing; missing; unavailable: closed by a person, and its figures are NULL) and the latest result of every check.';
