-- Question: was it dearer to pay the farms to stop than the Bitcoin would have been worth? And at what price is it even?
-- Basis: SO-flagged energy and net payments; an energy-limited fleet; no cost of machines or grid. Units: GBP, BTC,
-- GBP per BTC. value_less_payment_gbp: what the Bitcoin was worth less what was paid to stop, over the days that have a
-- price. break_even_price_gbp: at this price of Bitcoin the two are equal; it needs no price to be known.
-- State: days_priced of days_expected days are in the values, days_present in the payments.
-- Change: from_month, to_month, models. Without a change: all models, the 12 months up to the newest stored day.
WITH params AS MATERIALIZED (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp) - interval '11 months', 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month,
           coalesce(string_to_array(nullif(current_setting('minerecon.models', true), ''), ','),
                    (SELECT array_agg(miner_model) FROM minerecon.miner_models LIMIT 1)) AS models
)
SELECT m.year_month, m.miner_model,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.payment_gbp, 2) AS payment_gbp,
       round(m.mined_btc, 8) AS mined_btc,
       round(m.break_even_price_gbp, 2) AS break_even_price_gbp,
       round(m.value_gbp, 2) AS value_gbp,
       round(m.value_gbp_per_mwh, 2) AS value_gbp_per_mwh,
       round(m.priced_days_payment_gbp, 2) AS priced_days_payment_gbp,
       round(m.value_less_payment_gbp, 2) AS value_less_payment_gbp,
       m.days_priced, m.days_present, m.days_expected, m.status
FROM params AS p
JOIN analytics.mining_potential_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
WHERE m.miner_model = ANY (p.models)
ORDER BY m.year_month, m.miner_model;
