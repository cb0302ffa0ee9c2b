-- Question: how much Bitcoin could each model have mined, in all and per MWh, as difficulty and block subsidy changed?
-- Basis: SO-flagged energy; an energy-limited fleet. Units: MWh, BTC. One row per model and stretch of days with the
-- same difficulty and subsidy; event says what began it. A day's difficulty is the one in force at midnight UTC.
-- State: days_present of the stretch's days have figures; days that are not stored are in no stretch.
-- Change: from_date, to_date. Without a change: the 365 days up to the newest stored one.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
), days AS (
    SELECT m.*, lag(m.difficulty) OVER of_model AS difficulty_before, lag(m.block_subsidy_btc) OVER of_model AS subsidy_before
    FROM params AS p
    JOIN analytics.mining_potential_by_day AS m ON m.settlement_date BETWEEN p.from_date AND p.to_date
    WHERE m.mined_btc IS NOT NULL
    WINDOW of_model AS (PARTITION BY m.miner_model ORDER BY m.settlement_date)
), stretches AS (
    SELECT *, count(*) FILTER (WHERE (difficulty, block_subsidy_btc) IS DISTINCT FROM (difficulty_before, subsidy_before))
                  OVER (PARTITION BY miner_model ORDER BY settlement_date) AS stretch
    FROM days
)
SELECT min(settlement_date) AS first_day, max(settlement_date) AS last_day, miner_model,
       CASE WHEN (array_agg(subsidy_before ORDER BY settlement_date))[1] <> block_subsidy_btc THEN 'halving'
            WHEN (array_agg(difficulty_before ORDER BY settlement_date))[1] <> difficulty THEN 'retarget'
            ELSE 'first day asked for' END AS event,
       difficulty,
       round(difficulty / (array_agg(difficulty_before ORDER BY settlement_date))[1] - 1, 4) AS difficulty_change,
       block_subsidy_btc,
       round(sum(curtailed_mwh), 2) AS curtailed_mwh,
       round(sum(mined_btc), 8) AS mined_btc,
       round(sum(mined_btc) / nullif(sum(curtailed_mwh), 0), 12) AS btc_per_mwh,
       count(*) AS days_present,
       count(*) FILTER (WHERE is_final) AS days_final
FROM stretches
GROUP BY miner_model, stretch, difficulty, block_subsidy_btc
ORDER BY first_day, miner_model;
