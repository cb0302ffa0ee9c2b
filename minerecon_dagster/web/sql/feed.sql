-- News for readers, newest first: days that became final, changes at the source, and days that are over and not there.
SELECT n.kind, n.settlement_date, n.published_at, n.updated_at, n.status, n.curtailed_mwh, n.payment_gbp,
       n.old_curtailed_mwh, n.old_payment_gbp, n.is_synthetic
FROM (
    SELECT 'final' AS kind, f.settlement_date, f.published_at, f.updated_at, d.status, f.curtailed_mwh, f.payment_gbp,
           CAST(NULL AS numeric) AS old_curtailed_mwh, CAST(NULL AS numeric) AS old_payment_gbp, f.is_synthetic
    FROM (
        -- By when its answers were seen: a day that is built anew from them is no news.
        SELECT s.summary_date AS settlement_date, coalesce(least(p.seen_at, s.built_at), s.built_at) AS published_at,
               s.built_at AS updated_at, s.curtailed_mwh, s.payment_gbp, s.is_synthetic
        FROM minerecon.daily_summaries AS s
        LEFT JOIN (
            SELECT settlement_date, max(fetched_at) AS seen_at FROM minerecon.ingestion_progress GROUP BY settlement_date
        ) AS p ON p.settlement_date = s.summary_date
        WHERE s.is_final
        ORDER BY 2 DESC, 1 DESC LIMIT %(most)s
    ) AS f
    JOIN analytics.settlement_days AS d ON d.settlement_date = f.settlement_date
    UNION ALL
    SELECT 'restatement', r.settlement_date, r.detected_at, r.detected_at, r.old_state, r.new_curtailed_mwh,
           r.new_payment_gbp, r.old_curtailed_mwh, r.old_payment_gbp,
           (SELECT s.is_synthetic FROM minerecon.daily_summaries AS s WHERE s.summary_date = r.settlement_date)
    FROM minerecon.restatements AS r
    UNION ALL
    SELECT 'gap', g.settlement_date, g.told_at, g.told_at, g.status, NULL, NULL, NULL, NULL, g.is_synthetic
    FROM (
        SELECT c.settlement_date, coalesce(d.status, 'missing') AS status, d.is_synthetic,
               (c.settlement_date + 1 + CAST(%(told_at)s AS time)) AT TIME ZONE 'Europe/London' AS told_at
        FROM (
            SELECT CAST(%(gaps_until)s AS date) - n AS settlement_date FROM generate_series(0, %(gap_days)s - 1) AS n
        ) AS c
        LEFT JOIN analytics.settlement_days AS d
            ON d.settlement_date = c.settlement_date
            AND d.settlement_date > CAST(%(gaps_until)s AS date) - %(gap_days)s
    ) AS g
    WHERE g.status IN ('missing', 'incomplete', 'failing', 'unavailable')
      AND g.settlement_date > (SELECT min(s.summary_date) FROM minerecon.daily_summaries AS s)
) AS n
WHERE CAST(%(kind)s AS text) IS NULL OR n.kind = %(kind)s
ORDER BY n.published_at DESC, n.settlement_date DESC, n.kind
LIMIT %(most)s
