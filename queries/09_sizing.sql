-- Question: how many machines are worth putting at a wind farm? How long would they run, and what would they make?
-- Basis: the farm's SO-flagged energy, half hour by half hour. In each the fleet draws at most its power × 0.5 h, what is
-- left is lost; with less energy it runs in proportion: whole machines are bought, as many as power_mw feeds, and in a weak
-- half hour they share what there is, a part of a machine too. Units: MW, hours, MWh, BTC, GBP.
-- ceiling_btc: a fleet of any size. utilisation: full_load_hours over the hours that are stored.
-- State: coverage is the share of the half hours asked for that are stored.
-- Change: farm_name (as in analytics.wind_farms), miner_model, machines or, for sizes in MW, power_mw (as in
-- ARRAY[1, 5, 20]; of one size, analytics.sizing takes a number: power_mw => 5), from_date, to_date. Without a change: the most curtailed farm of the 365 days up to the newest one.
WITH dates AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
), params AS MATERIALIZED (
    SELECT d.from_date, d.to_date,
           coalesce(nullif(current_setting('minerecon.miner_model', true), ''),
                    'S19J_PRO') AS miner_model,
           coalesce(CAST(string_to_array(nullif(current_setting('minerecon.power_mw', true), ''), ',') AS numeric[]),
                    CAST(NULL AS numeric[])) AS power_mw,
           coalesce(CAST(string_to_array(nullif(current_setting('minerecon.machines', true), ''), ',') AS integer[]),
                    ARRAY[100, 1000, 10000, 50000]) AS machines,
           coalesce(nullif(current_setting('minerecon.farm_name', true), ''),
                    (SELECT u.farm_name FROM analytics.curtailment_by_unit_day AS u
                     WHERE u.settlement_date BETWEEN d.from_date AND d.to_date
                     GROUP BY u.farm_name ORDER BY sum(u.curtailed_mwh) DESC NULLS LAST, u.farm_name LIMIT 1)) AS farm_name
    FROM dates AS d
)
SELECT p.farm_name, p.miner_model, s.machine_count,
       round(s.fleet_mw, 3) AS fleet_mw,
       s.hours_running, s.hours_at_full_load,
       round(s.full_load_hours, 1) AS full_load_hours,
       round(s.utilisation, 4) AS utilisation,
       round(s.energy_used_mwh, 2) AS energy_used_mwh,
       round(s.energy_left_mwh, 2) AS energy_left_mwh,
       round(s.mined_btc, 8) AS mined_btc,
       round(s.ceiling_btc, 8) AS ceiling_btc,
       round(s.share_of_ceiling, 4) AS share_of_ceiling,
       round(s.mined_btc_per_machine, 8) AS mined_btc_per_machine,
       round(s.value_gbp, 2) AS value_gbp,
       round(s.value_gbp_per_machine, 2) AS value_gbp_per_machine,
       round(s.priced_btc_share, 4) AS priced_btc_share,
       p.from_date, p.to_date, round(s.coverage, 4) AS coverage
FROM params AS p
CROSS JOIN LATERAL analytics.sizing_curve(
    farm_name => p.farm_name, miner_model => p.miner_model, from_date => p.from_date, to_date => p.to_date,
    machines => CASE WHEN p.power_mw IS NULL THEN p.machines END, power_mw => p.power_mw
) AS s
ORDER BY s.machine_count;
