-- News for readers, newest first: days that became final, changes at the source, and days that are over and not there.
SELECT n.kind, n.settlement_date, n.number, n.happened_at, n.status, n.curtailed_mwh, n.payment_gbp, n.old_curtailed_mwh,
       n.old_payment_gbp, n.is_synthetic
FROM (
    SELECT 'final' AS kind, s.summary_date AS settlement_date, CAST(NULL AS bigint) AS number,
           s.built_at AS happened_at, d.status, s.curtailed_mwh, s.payment_gbp,
           CAST(NULL AS numeric) AS old_curtailed_mwh, CAST(NULL AS numeric) AS old_payment_gbp, s.is_synthetic
    FROM (
        SELECT * FROM minerecon.daily_summaries WHERE is_final ORDER BY built_at DESC, summary_date DESC LIMIT %(most)s
    ) AS s
    JOIN analytics.settlement_days AS d ON d.settlement_date = s.summary_date
    UNION ALL
    SELECT 'restatement', r.settlement_date, r.restatement_id, r.detected_at, r.old_state, r.new_curtailed_mwh,
           r.new_payment_gbp, r.old_curtailed_mwh, r.old_payment_gbp,
           (SELECT s.is_synthetic FROM minerecon.daily_summaries AS s WHERE s.summary_date = r.settlement_date)
    FROM minerecon.restatements AS r
    UNION ALL
    SELECT 'gap', c.settlement_date, NULL, minerecon.settlement_period_start(c.settlement_date + 1, CAST(1 AS smallint)),
           coalesce(d.status, 'missing'), NULL, NULL, NULL, NULL, d.is_synthetic
    FROM (
        SELECT CAST(%(today)s AS date) - n AS settlement_date FROM generate_series(1, %(gap_days)s) AS n
    ) AS c
    LEFT JOIN analytics.settlement_days AS d
        ON d.settlement_date = c.settlement_date AND d.settlement_date >= CAST(%(today)s AS date) - %(gap_days)s
    WHERE coalesce(d.status, 'missing') IN ('missing', 'incomplete', 'failing', 'unavailable')
      AND c.settlement_date > (SELECT min(s.summary_date) FROM minerecon.daily_summaries AS s)
) AS n
WHERE CAST(%(kind)s AS text) IS NULL OR n.kind = %(kind)s
ORDER BY n.happened_at DESC, n.settlement_date DESC, n.kind, n.number DESC
LIMIT %(most)s
