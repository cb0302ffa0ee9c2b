-- Question: which wind farms and which lead parties are curtailed most, and what is their share?
-- Basis: SO-flagged, and all accepted wind bids beside it. place is by SO-flagged energy, all_bids_place by the energy of all
-- bids; who is among the first how_many of either is there. Units: MWh, GBP, shares of the whole (0 to 1).
-- State: days_present of days_expected days, from_date to to_date, are in the sums; days_final of them are final.
-- Change: from_date, to_date, how_many. Without a change: the 365 days up to the newest stored one.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date,
           coalesce(CAST(nullif(current_setting('minerecon.how_many', true), '') AS integer),
                    10) AS how_many
), units AS (
    SELECT u.bmu_id, u.farm_name, u.lead_party_name,
           sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.payment_gbp) AS payment_gbp,
           sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp
    FROM params AS p
    JOIN analytics.curtailment_by_unit_day AS u ON u.settlement_date BETWEEN p.from_date AND p.to_date
    WHERE u.coverage > 0
    GROUP BY u.bmu_id, u.farm_name, u.lead_party_name
), ranked AS (
    SELECT CASE WHEN grouping(farm_name) = 0 THEN 'wind farm' ELSE 'lead party' END AS kind,
           coalesce(farm_name, lead_party_name) AS name,
           sum(curtailed_mwh) AS curtailed_mwh, sum(payment_gbp) AS payment_gbp,
           sum(all_bids_mwh) AS all_bids_mwh, sum(all_bids_payment_gbp) AS all_bids_payment_gbp,
           count(DISTINCT bmu_id) AS bmu_count
    FROM units
    GROUP BY GROUPING SETS ((farm_name), (lead_party_name))
), shares AS (
    SELECT *, row_number() OVER (PARTITION BY kind ORDER BY curtailed_mwh DESC, name) AS place,
           row_number() OVER (PARTITION BY kind ORDER BY all_bids_mwh DESC, name) AS all_bids_place,
           curtailed_mwh / nullif(sum(curtailed_mwh) OVER (PARTITION BY kind), 0) AS share_of_curtailed,
           all_bids_mwh / nullif(sum(all_bids_mwh) OVER (PARTITION BY kind), 0) AS share_of_all_bids
    FROM ranked
)
SELECT s.kind, s.place, s.all_bids_place, s.name, s.bmu_count,
       round(s.curtailed_mwh, 2) AS curtailed_mwh,
       round(s.share_of_curtailed, 4) AS share_of_curtailed,
       round(s.payment_gbp, 2) AS payment_gbp,
       round(s.all_bids_mwh, 2) AS all_bids_mwh,
       round(s.share_of_all_bids, 4) AS share_of_all_bids,
       round(s.all_bids_payment_gbp, 2) AS all_bids_payment_gbp,
       d.days_present, p.to_date - p.from_date + 1 AS days_expected, d.days_final,
       p.from_date, p.to_date
FROM shares AS s
CROSS JOIN params AS p
CROSS JOIN LATERAL (
    SELECT count(*) AS days_present, count(*) FILTER (WHERE is_final) AS days_final
    FROM minerecon.daily_summaries WHERE summary_date BETWEEN p.from_date AND p.to_date
) AS d
WHERE least(s.place, s.all_bids_place) <= p.how_many
ORDER BY s.kind DESC, s.place;
