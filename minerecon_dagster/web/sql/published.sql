-- What others have published, and ours over the same days; no difference from made-up days, nor from a part of the days.
SELECT p.*, o.ours_value, o.ours_days_expected, o.ours_days_present, o.ours_days_final, o.ours_is_synthetic,
       CASE WHEN o.may_compare THEN o.ours_value - p.value END AS difference_value,
       CASE WHEN o.may_compare AND p.value <> 0 THEN round((o.ours_value - p.value) / abs(p.value), 12) END
           AS difference_share
FROM minerecon.published_figures AS p
CROSS JOIN LATERAL (
    SELECT f.*, f.ours_days_present = f.ours_days_expected AND NOT f.ours_is_synthetic AS may_compare
    FROM (
        -- Of all of the stored days or not at all, where fewer of them may have it.
        SELECT CASE WHEN p.figure = 'mined_btc' AND p.basis = 'so_flagged' THEN (
                   SELECT CASE WHEN count(b.mined_btc) = count(*) THEN sum(b.mined_btc) END
                   FROM minerecon.daily_summaries AS d
                   LEFT JOIN minerecon.bitcoin_daily_summaries AS b
                       ON b.summary_date = d.summary_date AND b.miner_model = p.miner_model
                   WHERE d.summary_date BETWEEN p.first_day AND p.last_day
               )
                    WHEN p.figure = 'curtailed_mwh' AND p.basis = 'so_flagged' THEN sum(s.curtailed_mwh)
                    WHEN p.figure = 'curtailed_mwh' THEN sum(s.all_bids_mwh)
                    WHEN p.figure = 'payment_gbp' AND p.basis = 'so_flagged' THEN sum(s.payment_gbp)
                    WHEN p.figure = 'payment_gbp' THEN sum(s.all_bids_payment_gbp)
                    WHEN p.figure = 'turn_up_estimate_gbp' AND count(s.turn_up_mwh) = count(*)
                         THEN sum(s.turn_up_estimate_gbp) END AS ours_value,
               p.last_day - p.first_day + 1 AS ours_days_expected,
               count(*) AS ours_days_present,
               count(*) FILTER (WHERE s.is_final) AS ours_days_final,
               coalesce(bool_or(s.is_synthetic), false) AS ours_is_synthetic
        FROM minerecon.daily_summaries AS s WHERE s.summary_date BETWEEN p.first_day AND p.last_day
    ) AS f
) AS o
