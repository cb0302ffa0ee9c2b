-- Question: do the totals here agree with published ones?
-- Basis: each figure beside ours on its own basis; never across the two. Units: as in the column unit. verdict: whether ours
-- is the published one in all of its digits, near (within 2 in 1,000), or further off; or why there is none.
-- State: ours is NULL where no day of the period is stored, or one that is has not that figure; days_present of days_expected are in it, and days_final of these
-- are final: the others may still change. difference is given for whole periods of real data only. is_known_wrong: the
-- published one is; the note says why. How far to expect it, and why: docs/analyse/earlier_api.md, Published totals.
-- btc_of_published_mwh: the Bitcoin that the energy published with it gives by the formula here, at its difficulty.
-- model_ratio: of the published Bitcoin to the first model's of its period; fixed_ratio: what it must be on any rows.
-- Change: sources. Without a change: all.
WITH params AS (
    SELECT coalesce(string_to_array(nullif(current_setting('minerecon.sources', true), ''), '|'),
                    (SELECT array_agg(DISTINCT source) FROM minerecon.published_figures LIMIT 1)) AS sources
), published AS (
    SELECT f.*, f.last_day - f.first_day + 1 AS days_expected
    FROM params AS p JOIN minerecon.published_figures AS f ON f.source = ANY (p.sources)
), of_days AS (
    SELECT f.figure_id, d.summary_date, d.is_final, d.is_synthetic,
           CASE f.basis || '/' || f.figure
               WHEN 'so_flagged/curtailed_mwh' THEN d.curtailed_mwh
               WHEN 'so_flagged/payment_gbp' THEN d.payment_gbp
               WHEN 'so_flagged/mined_btc' THEN b.mined_btc
               WHEN 'so_flagged/turn_up_estimate_gbp' THEN CASE WHEN d.turn_up_mwh IS NOT NULL
                                                     THEN coalesce(d.turn_up_estimate_gbp, 0) END
               WHEN 'all_bids/curtailed_mwh' THEN d.all_bids_mwh
               WHEN 'all_bids/payment_gbp' THEN d.all_bids_payment_gbp END AS value
    FROM published AS f
    LEFT JOIN minerecon.daily_summaries AS d ON d.summary_date BETWEEN f.first_day AND f.last_day
    LEFT JOIN minerecon.bitcoin_daily_summaries AS b
        ON b.summary_date = d.summary_date AND b.miner_model = f.miner_model
), ours AS (
    SELECT figure_id, count(summary_date) AS days_present, count(*) FILTER (WHERE is_final) AS days_final,
           bool_or(is_synthetic) AS is_synthetic,
           CASE WHEN count(value) = count(summary_date) THEN sum(value) END AS value
    FROM of_days GROUP BY figure_id
)
SELECT f.period_label, f.basis, f.figure, f.miner_model, f.unit, w.verdict,
       f.value AS published,
       round(o.value, 8) AS ours,
       CASE WHEN w.comparable THEN round(o.value - f.value, 8) END AS difference,
       CASE WHEN w.comparable THEN round((o.value - f.value) / nullif(abs(f.value), 0), 6) END AS difference_share,
       round(minerecon.mined_btc(e.value, m.hashrate_ths, m.power_w, f.difficulty, minerecon.block_subsidy_btc(
                 minerecon.settlement_period_start(f.first_day, 1))), 6) AS btc_of_published_mwh,
       round(f.value / first.value, 6) AS model_ratio,
       round((m.hashrate_ths / m.power_w) / (m1.hashrate_ths / m1.power_w), 6) AS fixed_ratio,
       f.is_known_wrong, o.days_present, o.days_final, f.days_expected, coalesce(o.is_synthetic, false) AS ours_is_synthetic,
       f.source, f.note
FROM published AS f
JOIN ours AS o USING (figure_id)
CROSS JOIN LATERAL (
    SELECT c.comparable,
           CASE WHEN f.is_known_wrong THEN 'the published one is wrong'
                WHEN o.days_present = 0 THEN 'nothing here'
                WHEN coalesce(o.is_synthetic, false) THEN 'made up here'
                WHEN NOT c.comparable THEN 'a part of the days here'
                WHEN o.value IS NULL THEN 'not of all days here'
                WHEN round(o.value, scale(f.value)) = f.value THEN 'equal'
                WHEN abs(o.value - f.value) <= abs(f.value) * 0.002 THEN 'near'
                ELSE 'further off' END AS verdict
    FROM (
        SELECT o.days_present = f.days_expected AND NOT coalesce(o.is_synthetic, false) AS comparable
    ) AS c
) AS w
LEFT JOIN minerecon.miner_models AS m ON m.miner_model = f.miner_model
LEFT JOIN published AS e ON e.figure = 'curtailed_mwh' AND e.basis = f.basis AND e.period_label = f.period_label
    AND e.source = f.source AND f.figure = 'mined_btc'
LEFT JOIN published AS first ON first.figure = 'mined_btc' AND first.miner_model = 'S19J_PRO'
    AND first.period_label = f.period_label AND first.basis = f.basis AND f.figure = 'mined_btc'
LEFT JOIN minerecon.miner_models AS m1 ON m1.miner_model = first.miner_model
ORDER BY f.first_day, f.last_day, f.basis, f.figure, f.miner_model;
