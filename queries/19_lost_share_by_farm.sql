-- Question: which wind farms lost the largest share of what they had notified that they would give?
-- Basis: all accepted wind bids, net of what was taken back in the same half hour; SO-flagged ones, gross, beside it.
-- Units: MWh; shares (0 to 1) of notified potential (PN), which is what a farm says, and not what the wind would have given.
-- State: figures and shares are of the unit-days of potential_days of days_expected that have a notification, on both sides;
-- those of a part of the month are no bound of the whole; with days_incomplete the shares are at least so much. A share is
-- NULL, and the farm stands last, where more than 1 in 100 unit-periods of these days have none. units_in_force: with a bid
-- or without.
-- Change: from_month, to_month, how_many. Without a change: the newest month that has a stored day, the ten largest.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month,
           coalesce(CAST(nullif(current_setting('minerecon.how_many', true), '') AS integer), 10) AS how_many
), ranked AS (
    SELECT f.*, row_number() OVER (
               PARTITION BY f.year_month
               ORDER BY f.all_bids_net_share_of_potential DESC NULLS LAST, f.all_bids_mwh DESC NULLS LAST, f.farm_name
           ) AS place
    FROM params AS p
    JOIN analytics.notified_potential_by_farm_month AS f ON f.year_month BETWEEN p.from_month AND p.to_month
)
SELECT r.year_month, r.place, r.farm_name, r.bmu_count AS units_in_force,
       round(r.potential_mwh, 2) AS potential_mwh,
       round(r.all_bids_net_of_potential_mwh, 2) AS all_bids_net_of_potential_mwh,
       round(r.all_bids_net_share_of_potential, 4) AS all_bids_net_share_of_potential,
       round(r.curtailed_of_potential_mwh, 2) AS curtailed_of_potential_mwh,
       round(r.curtailed_share_of_potential, 4) AS curtailed_share_of_potential,
       round(r.potential_coverage, 4) AS potential_coverage,
       r.potential_days, r.days_incomplete, r.days_present, r.days_expected, r.status, r.is_synthetic
FROM ranked AS r
JOIN params AS p ON r.place <= p.how_many
ORDER BY r.year_month, r.place;
