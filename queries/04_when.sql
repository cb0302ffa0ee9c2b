-- Question: when is wind curtailed: at which half hour and hour of the day, on which day of the week, in which season?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: MWh, MW (mean over the half hours that are there, quiet
-- ones included), share of the energy (0 to 1), GBP, GBP per MWh. place: 1 has the most mean_curtailed_mw; by payment_gbp or
-- all_bids_mean_mw another may be first. Half hours, hours and days are London's: each is named by its start, in summer and
-- winter alike. payment_gbp_per_mwh is weighted: what was paid over the energy.
-- State: half_hours are those from from_date to to_date that are there; missing ones are in no mean. days_final of
-- days_present days from from_date to to_date are final.
-- Change: from_date, to_date. Without a change: all that is stored.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT min(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
), cells AS (
    SELECT extract(hour FROM h.london_time) * 2 + extract(minute FROM h.london_time) / 30 AS half_hour,
           extract(hour FROM h.london_time) AS hour, extract(isodow FROM h.settlement_date) AS weekday,
           extract(month FROM h.settlement_date) AS month, count(*) AS half_hours,
           sum(h.curtailed_mwh) AS curtailed_mwh, sum(h.unpriced_mwh) AS unpriced_mwh,
           sum(h.payment_gbp) AS payment_gbp, sum(h.all_bids_mwh) AS all_bids_mwh
    FROM params AS p
    JOIN analytics.curtailment_by_period AS h ON h.settlement_date BETWEEN p.from_date AND p.to_date
    WHERE h.curtailed_mwh IS NOT NULL
    GROUP BY 1, 2, 3, 4
), parts AS (
    SELECT grouping(half_hour, hour, weekday, month) AS which, coalesce(half_hour, hour, weekday, month) AS part,
           sum(half_hours) AS half_hours, sum(curtailed_mwh) AS curtailed_mwh, sum(unpriced_mwh) AS unpriced_mwh,
           sum(payment_gbp) AS payment_gbp, sum(all_bids_mwh) AS all_bids_mwh
    FROM cells
    GROUP BY GROUPING SETS ((half_hour), (hour), (weekday), (month))
)
SELECT CASE which WHEN 7 THEN 'half hour of the day' WHEN 11 THEN 'hour of the day' WHEN 13 THEN 'day of the week' ELSE 'month of the year' END AS part_of,
       CASE which WHEN 7 THEN lpad(CAST(trunc(part / 2) AS text), 2, '0') || chr(58) || CASE mod(part, 2) WHEN 0 THEN '00' ELSE '30' END
                  WHEN 11 THEN lpad(CAST(part AS text), 2, '0') || 'h'
                  WHEN 13 THEN (ARRAY['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])[CAST(part AS integer)]
                  ELSE (ARRAY['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September',
                              'October', 'November', 'December'])[CAST(part AS integer)] END AS part,
       rank() OVER (PARTITION BY which ORDER BY curtailed_mwh / half_hours DESC) AS place,
       half_hours,
       round(curtailed_mwh, 2) AS curtailed_mwh,
       round(curtailed_mwh / (half_hours * 0.5), 2) AS mean_curtailed_mw,
       round(curtailed_mwh / nullif(sum(curtailed_mwh) OVER (PARTITION BY which), 0), 4) AS share_of_curtailed,
       round(payment_gbp, 2) AS payment_gbp,
       round(payment_gbp / nullif(curtailed_mwh - unpriced_mwh, 0), 2) AS payment_gbp_per_mwh,
       round(all_bids_mwh / (half_hours * 0.5), 2) AS all_bids_mean_mw,
       d.days_present, d.days_final, p.from_date, p.to_date
FROM parts
CROSS JOIN params AS p
CROSS JOIN LATERAL (
    SELECT count(*) AS days_present, count(*) FILTER (WHERE is_final) AS days_final
    FROM minerecon.daily_summaries WHERE summary_date BETWEEN p.from_date AND p.to_date
) AS d
ORDER BY which, parts.part;
