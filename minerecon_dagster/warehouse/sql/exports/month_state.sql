-- What is stored of a month's days, and their statuses; a day that has not begun is none of the missing ones. A month
-- without stored days is as synthetic as the warehouse: what a sample says of nothing must not cover real days.
WITH days AS (
    SELECT n::date AS settlement_date
    FROM generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), INTERVAL '1 day') AS n
), states AS (
    SELECT d.settlement_date, r.day_state,
           CASE WHEN d.settlement_date > CAST(:today AS date) THEN 'to come' ELSE coalesce(r.status, 'missing') END AS status
    FROM days AS d
    LEFT JOIN (
        SELECT settlement_date, status, day_state FROM analytics.reconciliation_status
        WHERE settlement_date BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    ) AS r USING (settlement_date)
)
SELECT count(*) AS days_expected,
       count(s.summary_date) AS days_present,
       count(*) FILTER (WHERE s.is_final AND d.day_state = 'final') AS days_final,
       count(*) FILTER (WHERE d.status = 'unavailable') AS days_unavailable,
       coalesce(bool_or(s.is_synthetic), (SELECT bool_and(is_synthetic) FROM minerecon.daily_summaries), false) AS is_synthetic,
       (SELECT jsonb_object_agg(status, day_count)
        FROM (SELECT status, count(*) AS day_count FROM states GROUP BY status) AS counted) AS statuses
FROM states AS d
LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = d.settlement_date
