-- What was published of each day at an instant, where it is on record: of a day that was not built since, what stands
-- there; else what restatements before and after it both say. Nothing is taken from one side alone.
SELECT f.settlement_date, f.known_as,
       CASE f.known_as WHEN 'as now' THEN f.curtailed_mwh WHEN 'restated' THEN f.seen_curtailed_mwh END
           AS curtailed_mwh,
       CASE f.known_as WHEN 'as now' THEN f.payment_gbp WHEN 'restated' THEN f.seen_payment_gbp END AS payment_gbp,
       CASE f.known_as WHEN 'as now' THEN f.all_bids_mwh WHEN 'restated' THEN f.seen_all_bids_mwh END
           AS all_bids_mwh,
       CASE f.known_as WHEN 'as now' THEN f.all_bids_payment_gbp END AS all_bids_payment_gbp,
       CASE f.known_as WHEN 'as now' THEN f.built_at WHEN 'restated' THEN f.detected_at END AS seen_at
FROM (
    SELECT c.settlement_date, s.curtailed_mwh, s.payment_gbp, s.all_bids_mwh, s.all_bids_payment_gbp, s.built_at,
           b.detected_at, b.new_curtailed_mwh AS seen_curtailed_mwh, b.new_payment_gbp AS seen_payment_gbp,
           b.new_all_bids_mwh AS seen_all_bids_mwh,
           CASE WHEN minerecon.settlement_period_start(c.settlement_date, CAST(1 AS smallint)) > %(as_of)s
                THEN 'not begun'
                WHEN s.built_at <= %(as_of)s THEN 'as now'
                WHEN u.closed_at <= %(as_of)s THEN 'unavailable'
                WHEN s.summary_date IS NULL AND u.settlement_date IS NULL THEN 'missing'
                WHEN (b.new_curtailed_mwh, b.new_payment_gbp, b.new_all_bids_mwh)
                     = (coalesce(a.old_curtailed_mwh, s.curtailed_mwh), coalesce(a.old_payment_gbp, s.payment_gbp),
                        coalesce(a.old_all_bids_mwh, s.all_bids_mwh)) THEN 'restated'
                ELSE 'not known' END AS known_as
    FROM (
        SELECT CAST(%(first)s AS date) + n AS settlement_date
        FROM generate_series(0, CAST(%(last)s AS date) - CAST(%(first)s AS date)) AS n
    ) AS c
    LEFT JOIN minerecon.daily_summaries AS s ON s.summary_date = c.settlement_date
    LEFT JOIN minerecon.unavailable_days AS u ON u.settlement_date = c.settlement_date
    LEFT JOIN LATERAL (
        SELECT * FROM minerecon.restatements AS r
        WHERE r.settlement_date = c.settlement_date AND r.detected_at <= %(as_of)s
        ORDER BY r.detected_at DESC, r.restatement_id DESC LIMIT 1
    ) AS b ON true
    LEFT JOIN LATERAL (
        SELECT * FROM minerecon.restatements AS r
        WHERE r.settlement_date = c.settlement_date AND r.detected_at > %(as_of)s
        ORDER BY r.detected_at, r.restatement_id LIMIT 1
    ) AS a ON true
) AS f
