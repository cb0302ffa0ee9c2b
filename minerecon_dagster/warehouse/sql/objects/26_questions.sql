-- Made by `make docs` from queries/*.sql: change it there.
CREATE VIEW analytics.questions (name, question, about, query) AS
VALUES
    ($q$01_yesterday_month_year$q$, $q$How much was curtailed yesterday, this month and this year, at what cost, and can the figures still change?$q$, $q$Basis: SO-flagged (the headline) and, beside it, all accepted wind bids: never add the two. Units: MWh, GBP. State: days_present of days_expected are in the sums; status is the worst among the days, complete the best. Change: day. Without a change it is the newest stored day before today.$q$, $q$-- Question: how much was curtailed yesterday, this month and this year, at what cost, and can the figures still change?
-- Basis: SO-flagged (the headline) and, beside it, all accepted wind bids: never add the two. Units: MWh, GBP.
-- State: days_present of days_expected are in the sums; status is the worst among the days, complete the best.
-- Change: day. Without a change it is the newest stored day before today.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.day', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries
                     WHERE summary_date < CAST(now() AT TIME ZONE 'Europe/London' AS date) LIMIT 1)) AS day
), spans AS (
    SELECT s.* FROM params AS p
    CROSS JOIN LATERAL (VALUES
        (1, 'day', p.day, p.day),
        (2, 'month so far', CAST(date_trunc('month', CAST(p.day AS timestamp)) AS date), p.day),
        (3, 'year so far', CAST(date_trunc('year', CAST(p.day AS timestamp)) AS date), p.day)
    ) AS s (place, span, first_day, last_day)
)
SELECT s.span, s.first_day, s.last_day,
       round(sum(d.curtailed_mwh), 2) AS curtailed_mwh,
       round(sum(d.paid_gbp), 2) AS paid_gbp,
       round(sum(d.refunded_gbp), 2) AS refunded_gbp,
       round(sum(d.payment_gbp), 2) AS payment_gbp,
       round(sum(d.payment_gbp) / nullif(sum(d.curtailed_mwh - d.unpriced_mwh), 0), 2) AS payment_gbp_per_mwh,
       round(sum(d.all_bids_mwh), 2) AS all_bids_mwh,
       round(sum(d.all_bids_payment_gbp), 2) AS all_bids_payment_gbp,
       count(d.curtailed_mwh) AS days_present,
       s.last_day - s.first_day + 1 AS days_expected,
       count(*) FILTER (WHERE d.is_final) AS days_final,
       CASE WHEN count(d.settlement_date) < s.last_day - s.first_day + 1 AND NOT coalesce(bool_or(d.status = 'failing'), false)
                 THEN 'missing'
            ELSE (array_agg(d.status ORDER BY array_position(
                      ARRAY['failing', 'missing', 'incomplete', 'provisional', 'unavailable', 'warned', 'waived', 'complete'],
                      d.status
                  )))[1] END AS status,
       bool_or(d.is_synthetic) AS is_synthetic
FROM spans AS s
LEFT JOIN analytics.curtailment_by_day AS d ON d.settlement_date BETWEEN s.first_day AND s.last_day
GROUP BY s.place, s.span, s.first_day, s.last_day
ORDER BY s.place;$q$),
    ($q$02_most_curtailed$q$, $q$Which wind farms and which lead parties are curtailed most, and what is their share?$q$, $q$Basis: SO-flagged, and all accepted wind bids beside it. place is by SO-flagged energy, all_bids_place by the energy of all bids; who is among the first how_many of either is there. Units: MWh, GBP, shares of the whole (0 to 1). State: days_present of days_expected days, from_date to to_date, are in the sums; days_final of them are final. Change: from_date, to_date, how_many. Without a change: the 365 days up to the newest stored one.$q$, $q$-- Question: which wind farms and which lead parties are curtailed most, and what is their share?
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
ORDER BY s.kind DESC, s.place;$q$),
    ($q$03_price_by_farm$q$, $q$What does a curtailed MWh cost at each wind farm, and which farms pay to be turned down?$q$, $q$Basis: SO-flagged; all accepted wind bids beside it. Units: GBP per MWh that has a price; above 0 the farm is paid, below 0 it pays. paid_gbp and refunded_gbp are never netted before they are added up. State: days_present of days_expected days, from_date to to_date, are in the sums. Change: from_date, to_date, least_mwh (farms with less are left out). Without a change: the last 365 stored days.$q$, $q$-- Question: what does a curtailed MWh cost at each wind farm, and which farms pay to be turned down?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: GBP per MWh that has a price; above 0 the farm is paid,
-- below 0 it pays. paid_gbp and refunded_gbp are never netted before they are added up.
-- State: days_present of days_expected days, from_date to to_date, are in the sums.
-- Change: from_date, to_date, least_mwh (farms with less are left out). Without a change: the last 365 stored days.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date,
           coalesce(CAST(nullif(current_setting('minerecon.least_mwh', true), '') AS numeric),
                    100) AS least_mwh
), farms AS (
    SELECT u.farm_name, sum(u.curtailed_mwh) AS curtailed_mwh, sum(u.unpriced_mwh) AS unpriced_mwh,
           sum(u.paid_gbp) AS paid_gbp, sum(u.refunded_gbp) AS refunded_gbp, sum(u.payment_gbp) AS payment_gbp,
           sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.all_bids_unpriced_mwh) AS all_bids_unpriced_mwh,
           sum(u.all_bids_payment_gbp) AS all_bids_payment_gbp
    FROM params AS p
    JOIN analytics.curtailment_by_unit_day AS u ON u.settlement_date BETWEEN p.from_date AND p.to_date
    GROUP BY u.farm_name
)
SELECT f.farm_name,
       round(f.payment_gbp / nullif(f.curtailed_mwh - f.unpriced_mwh, 0), 2) AS payment_gbp_per_mwh,
       round(f.all_bids_payment_gbp / nullif(f.all_bids_mwh - f.all_bids_unpriced_mwh, 0), 2)
           AS all_bids_payment_gbp_per_mwh,
       round(f.curtailed_mwh, 2) AS curtailed_mwh,
       round(f.paid_gbp, 2) AS paid_gbp,
       round(f.refunded_gbp, 2) AS refunded_gbp,
       round(f.payment_gbp, 2) AS payment_gbp,
       round(f.unpriced_mwh, 3) AS unpriced_mwh,
       (SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date BETWEEN p.from_date AND p.to_date) AS days_present,
       p.to_date - p.from_date + 1 AS days_expected,
       p.from_date, p.to_date
FROM farms AS f
CROSS JOIN params AS p
WHERE f.curtailed_mwh >= p.least_mwh
ORDER BY 2 DESC, f.farm_name;$q$),
    ($q$04_when$q$, $q$When is wind curtailed: at which half hour and hour of the day, on which day of the week, in which season?$q$, $q$Basis: SO-flagged; all accepted wind bids beside it. Units: MWh, MW (mean over the half hours that are there, quiet ones included), share of the energy (0 to 1), GBP, GBP per MWh. place: 1 has the most mean_curtailed_mw; by payment_gbp or all_bids_mean_mw another may be first. Half hours, hours and days are London's: each is named by its start, in summer and winter alike. payment_gbp_per_mwh is weighted: what was paid over the energy. State: half_hours are those from from_date to to_date that are there; missing ones are in no mean. days_final of days_present days from from_date to to_date are final. Change: from_date, to_date. Without a change: all that is stored.$q$, $q$-- Question: when is wind curtailed: at which half hour and hour of the day, on which day of the week, in which season?
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
ORDER BY which, parts.part;$q$),
    ($q$05_share_of_output_lost$q$, $q$What share of what the wind farms could have generated was lost, month by month?$q$, $q$Basis: SO-flagged; all accepted wind bids beside it. Units: MWh; shares (0 to 1) of output plus what was curtailed. State: a month whose output is not known of every stored day has no share; status is the worst among its days. Change: from_month, to_month. Without a change: the 24 months up to the newest stored day.$q$, $q$-- Question: what share of what the wind farms could have generated was lost, month by month?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: MWh; shares (0 to 1) of output plus what was curtailed.
-- State: a month whose output is not known of every stored day has no share; status is the worst among its days.
-- Change: from_month, to_month. Without a change: the 24 months up to the newest stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp) - interval '23 months', 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.wind_generation_mwh, 2) AS wind_generation_mwh,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.curtailed_share, 4) AS curtailed_share,
       round(m.all_bids_mwh, 2) AS all_bids_mwh,
       round(m.all_bids_share, 4) AS all_bids_share,
       m.days_present, m.days_expected, m.status
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
ORDER BY m.year_month;$q$),
    ($q$06_trace_a_figure$q$, $q$Where does a figure come from?$q$, $q$A unit's day, traced to the acceptances, Elexon's answers and the fetch. Basis: every accepted bid of the unit; the rows with so_flag add up to unit_curtailed_mwh and unit_payment_gbp. Units: MWh, GBP per MWh, GBP. Source: archive_uri is the object that the day was built from, a ZIP; member the answer in it (docs/operate/archive.md says how to open it); answer_sha256 the hash of the member, unpacked, and not of the ZIP; sequence_number finds the row in it (sequenceNumber); fetched_at is when it was last seen so. Change: day, bmu_id. Without a change: the most curtailed unit of the newest stored day that has curtailment.$q$, $q$-- Question: where does a figure come from? A unit's day, traced to the acceptances, Elexon's answers and the fetch.
-- Basis: every accepted bid of the unit; the rows with so_flag add up to unit_curtailed_mwh and unit_payment_gbp.
-- Units: MWh, GBP per MWh, GBP. Source: archive_uri is the object that the day was built from, a ZIP; member the answer in it
-- (docs/operate/archive.md says how to open it); answer_sha256 the hash of the member, unpacked, and not of the ZIP;
-- sequence_number finds the row in it (sequenceNumber); fetched_at is when it was last seen so.
-- Change: day, bmu_id. Without a change: the most curtailed unit of the newest stored day that has curtailment.
WITH chosen AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.day', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries WHERE curtailed_mwh > 0 LIMIT 1)) AS day
), params AS (
    SELECT c.day,
           coalesce(nullif(current_setting('minerecon.bmu_id', true), ''),
                    (SELECT u.bmu_id FROM minerecon.unit_daily_summaries AS u WHERE u.settlement_date = c.day
                     ORDER BY u.curtailed_mwh DESC, u.bmu_id LIMIT 1)) AS bmu_id
    FROM chosen AS c
)
SELECT r.settlement_date, r.settlement_period, r.bmu_id, r.acceptance_id, r.bid_offer_pair_id, r.sequence_number,
       r.so_flag, r.volume_mwh, r.original_price_gbp_per_mwh, r.payment_gbp,
       u.curtailed_mwh AS unit_curtailed_mwh, u.payment_gbp AS unit_payment_gbp,
       r.elexon_created_at,
       s.archive_uri,
       'stack/' || r.stack_side || '/' || lpad(CAST(r.settlement_period AS text), 2, '0') || '.json' AS member,
       i.payload_sha256 AS answer_sha256, i.fetched_at, s.state AS day_state, s.is_synthetic
FROM params AS p
JOIN minerecon.curtailment_records AS r ON r.settlement_date = p.day AND r.bmu_id = p.bmu_id
JOIN minerecon.unit_daily_summaries AS u ON u.settlement_date = p.day AND u.bmu_id = p.bmu_id
JOIN minerecon.daily_summaries AS s ON s.summary_date = p.day
LEFT JOIN minerecon.ingestion_progress AS i
    ON i.settlement_date = p.day AND i.settlement_period = r.settlement_period AND i.stack_side = r.stack_side
    AND i.archive_uri = s.archive_uri
ORDER BY r.settlement_period, r.stack_side, r.sequence_number;$q$),
    ($q$07_bitcoin_over_time$q$, $q$How much Bitcoin could each model have mined, in all and per MWh, as difficulty and block subsidy changed?$q$, $q$Basis: SO-flagged energy; an energy-limited fleet. Units: MWh, BTC. One row per model and stretch of days with the same difficulty and subsidy; event says what began it. A day's difficulty is the one in force at midnight UTC. State: days_present of the stretch's days have figures; days that are not stored are in no stretch. Change: from_date, to_date. Without a change: the 365 days up to the newest stored one.$q$, $q$-- Question: how much Bitcoin could each model have mined, in all and per MWh, as difficulty and block subsidy changed?
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
ORDER BY first_day, miner_model;$q$),
    ($q$08_stop_or_mine$q$, $q$Was it dearer to pay the farms to stop than the Bitcoin would have been worth?$q$, $q$And at what price is it even? Basis: SO-flagged energy and net payments; an energy-limited fleet; no cost of machines or grid. Units: GBP, BTC, GBP per BTC. value_less_payment_gbp: what the Bitcoin was worth less what was paid to stop, over the days that have a price. break_even_price_gbp: at this price of Bitcoin the two are equal; it needs no price to be known. State: days_priced of days_expected days are in the values, days_present in the payments. Change: from_month, to_month, models. Without a change: all models, the 12 months up to the newest stored day.$q$, $q$-- Question: was it dearer to pay the farms to stop than the Bitcoin would have been worth? And at what price is it even?
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
ORDER BY m.year_month, m.miner_model;$q$),
    ($q$09_sizing$q$, $q$How many machines are worth putting at a wind farm?$q$, $q$How long would they run, and what would they make? Basis: the farm's SO-flagged energy, half hour by half hour. In each the fleet draws at most its power × 0.5 h, what is left is lost; with less energy it runs in proportion: whole machines are bought, as many as power_mw feeds, and in a weak half hour they share what there is, a part of a machine too. Units: MW, hours, MWh, BTC, GBP. ceiling_btc: a fleet of any size. utilisation: full_load_hours over the hours that are stored. State: coverage is the share of the half hours asked for that are stored. Change: farm_name (as in analytics.wind_farms), miner_model, machines or, for sizes in MW, power_mw (as in ARRAY[1, 5, 20]; of one size, analytics.sizing takes a number: power_mw => 5), from_date, to_date. Without a change: the most curtailed farm of the 365 days up to the newest one.$q$, $q$-- Question: how many machines are worth putting at a wind farm? How long would they run, and what would they make?
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
ORDER BY s.machine_count;$q$),
    ($q$10_so_flagged_and_all_bids$q$, $q$How far apart are the two bases that are published, month by month?$q$, $q$Basis: SO-flagged (the headline here, wastedwind.energy) against all accepted wind bids (Renewable Energy Foundation, The Subsidy Clock). Units: MWh, GBP; so_share is the SO-flagged part of all bids (0 to 1). State: days_present of days_expected days are in the sums; status is the worst among the days. Change: from_month, to_month. Without a change: all months.$q$, $q$-- Question: how far apart are the two bases that are published, month by month?
-- Basis: SO-flagged (the headline here, wastedwind.energy) against all accepted wind bids (Renewable Energy Foundation,
-- The Subsidy Clock). Units: MWh, GBP; so_share is the SO-flagged part of all bids (0 to 1).
-- State: days_present of days_expected days are in the sums; status is the worst among the days.
-- Change: from_month, to_month. Without a change: all months.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.all_bids_mwh, 2) AS all_bids_mwh,
       round(m.all_bids_mwh - m.curtailed_mwh, 2) AS not_flagged_mwh,
       round(m.curtailed_mwh / nullif(m.all_bids_mwh, 0), 4) AS so_share,
       round(m.payment_gbp, 2) AS payment_gbp,
       round(m.all_bids_payment_gbp, 2) AS all_bids_payment_gbp,
       round(m.all_bids_payment_gbp - m.payment_gbp, 2) AS not_flagged_payment_gbp,
       m.days_present, m.days_expected, m.status
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
ORDER BY m.year_month;$q$),
    ($q$11_restatements$q$, $q$Which days did Elexon change after they were over, when was it seen, and by how much?$q$, $q$Basis: SO-flagged; all accepted wind bids beside it. Units: MWh, GBP; change is of the SO-flagged energy (0.01 is a hundredth). Source: both archive objects are kept: what Elexon said before, and what it says now. Change: from_date, to_date (settlement dates). Without a change: all that is stored, the latest change first.$q$, $q$-- Question: which days did Elexon change after they were over, when was it seen, and by how much?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: MWh, GBP; change is of the SO-flagged energy (0.01 is a hundredth).
-- Source: both archive objects are kept: what Elexon said before, and what it says now.
-- Change: from_date, to_date (settlement dates). Without a change: all that is stored, the latest change first.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT min(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
)
SELECT r.settlement_date, r.detected_at, r.old_state,
       round(r.old_curtailed_mwh, 2) AS old_curtailed_mwh,
       round(r.new_curtailed_mwh, 2) AS new_curtailed_mwh,
       round(r.new_curtailed_mwh / nullif(r.old_curtailed_mwh, 0) - 1, 5) AS change,
       round(r.new_payment_gbp - r.old_payment_gbp, 2) AS payment_change_gbp,
       round(r.new_all_bids_mwh - r.old_all_bids_mwh, 2) AS all_bids_change_mwh,
       r.old_archive_uri, r.new_archive_uri, d.status AS status_now
FROM params AS p
JOIN minerecon.restatements AS r ON r.settlement_date BETWEEN p.from_date AND p.to_date
LEFT JOIN analytics.reconciliation_status AS d ON d.settlement_date = r.settlement_date
ORDER BY r.detected_at DESC, r.settlement_date DESC;$q$),
    ($q$12_missing_and_repair$q$, $q$What is missing, failing, incomplete, provisional or warned about, and which command mends it?$q$, $q$what: day, those that are not complete; figure, what stored days lack beside their curtailment; remark and check, what did not pass and makes no day wrong (remarks on what others notified or metered, checks of months, years or all); unit, what was turned down, is not wind by the register, and is in no figure, though it may be a wind farm (is_wind_like in minerecon.uncounted_units is the likely ones). Days of one kind that follow each other are one row; a day with a failed check has a row of its own, and its commands. Of all else first_day and last_day are the outermost of day_count days. name: the checks (docs/operate/checks.md says what must hold), columns or unit; meaning: what follows. Without a repair there is none to type. What is expected comes from the calendar: every day from the first stored one to yesterday, and today once it is stored. Change: from_date, to_date. Without a change: all of them.$q$, $q$-- Question: what is missing, failing, incomplete, provisional or warned about, and which command mends it?
-- what: day, those that are not complete; figure, what stored days lack beside their curtailment; remark and check, what
-- did not pass and makes no day wrong (remarks on what others notified or metered, checks of months, years or all); unit,
-- what was turned down, is not wind by the register, and is in no figure, though it may be a wind farm (is_wind_like in
-- minerecon.uncounted_units is the likely ones).
-- Days of one kind that follow each other are one row; a day with a failed check has a row of its own, and its commands. Of
-- all else first_day and last_day are the outermost of day_count days. name: the checks (docs/operate/checks.md says what must
-- hold), columns or unit; meaning: what follows. Without a repair there is none to type.
-- What is expected comes from the calendar: every day from the first stored one to yesterday, and today once it is stored.
-- Change: from_date, to_date. Without a change: all of them.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT min(settlement_date) FROM analytics.settlement_days LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(settlement_date) FROM analytics.settlement_days LIMIT 1)) AS to_date
), days AS (
    SELECT d.settlement_date, d.status, d.is_stored, coalesce(r.not_passed, '{}') AS not_passed,
           -- A failed fetch and a failed check stand alone: each has its own command.
           CASE WHEN d.status IN ('failing', 'warned') THEN d.settlement_date END AS alone
    FROM params AS p
    JOIN analytics.settlement_days AS d ON d.settlement_date BETWEEN p.from_date AND p.to_date
    LEFT JOIN analytics.reconciliation_status AS r ON r.settlement_date = d.settlement_date
    WHERE d.status NOT IN ('complete', 'waived', 'unavailable')
), islands AS (
    SELECT *, settlement_date - CAST(row_number() OVER (PARTITION BY status, alone ORDER BY settlement_date) AS integer) AS island
    FROM days
), repairs AS (
    SELECT l.settlement_date, string_agg(DISTINCT e.repair, '; ' ORDER BY e.repair) AS repair
    FROM minerecon.reconciliation_latest AS l
    JOIN minerecon.reconciliation_results AS e ON e.result_id = l.result_id
    WHERE l.scope = 'day' AND NOT l.passed AND NOT (l.is_beside AND l.severity = 'WARN')
    GROUP BY l.settlement_date
), lacking AS (
    SELECT f.place, f.name, f.meaning, f.command, f.options, min(d.summary_date) AS first_day, max(d.summary_date) AS last_day,
           count(*) AS day_count
    FROM params AS p
    JOIN minerecon.daily_summaries AS d ON d.summary_date BETWEEN p.from_date AND p.to_date
    CROSS JOIN LATERAL (VALUES
        (1, 'price_gbp', 'no price of Bitcoin is known, and value_gbp is NULL', 'minerecon prices ', '',
         NOT EXISTS (SELECT FROM minerecon.bitcoin_price_gbp AS b WHERE b.price_date = d.summary_date)),
        (2, 'wind_generation_mwh', 'no wind output is known, and the shares of it are NULL', 'minerecon reingest ', '',
         d.wind_generation_mwh IS NULL),
        (3, 'turn_up_mwh', 'there is no turn-up estimate', 'minerecon reingest ', ' --from-archive', d.turn_up_mwh IS NULL),
        (4, 'potential_mwh', 'no notified potential is known, and the shares of it are NULL (it is asked for by itself)',
         CAST(NULL AS text), '',
         NOT EXISTS (SELECT FROM minerecon.unit_daily_potential AS u
                     WHERE u.settlement_date = d.summary_date AND u.potential_mwh IS NOT NULL)),
        (5, 'metered_mwh', 'no metered output is known, and the shares of it are NULL (it is asked for by itself, from 8 days after the day on)',
         NULL, '',
         d.summary_date NOT IN (SELECT u.settlement_date FROM minerecon.unit_daily_metered AS u WHERE u.metered_mwh IS NOT NULL))
    ) AS f (place, name, meaning, command, options, is_lacking)
    WHERE f.is_lacking
    GROUP BY f.place, f.name, f.meaning, f.command, f.options
), checks AS (
    SELECT CASE c.scope WHEN 'day' THEN 'remark' ELSE 'check' END AS what, c.severity,
           c.check_family || '.' || c.check_name AS name,
           min(c.settlement_date) AS first_day, max(c.settlement_date) AS last_day, count(*) AS day_count,
           CASE WHEN c.scope <> 'day' THEN max(c.repair) END AS repair
    FROM params AS p
    JOIN analytics.checks_now AS c ON NOT c.passed AND NOT c.is_waived AND CASE c.scope
        WHEN 'day' THEN c.settlement_date BETWEEN p.from_date AND p.to_date
        -- What is looked at of all days together stands on the day of each look: the newest counts.
        WHEN 'all' THEN c.settlement_date = (
            SELECT l.settlement_date FROM minerecon.reconciliation_latest AS l
            WHERE l.scope = 'all' AND l.check_family = c.check_family AND l.check_name = c.check_name
            ORDER BY l.result_id DESC LIMIT 1)
        -- Of a month or a year a part is enough.
        ELSE c.settlement_date <= p.to_date AND c.settlement_date + CAST('1 ' || c.scope AS interval) > p.from_date END
    -- What else did not pass of a day is in the day's row.
    WHERE c.scope <> 'day' OR c.severity = 'WARN' AND EXISTS (
        SELECT FROM minerecon.reconciliation_latest AS l
        WHERE l.settlement_date = c.settlement_date AND l.scope = 'day' AND l.check_family = c.check_family
              AND l.check_name = c.check_name AND l.is_beside)
    GROUP BY c.scope, c.severity, c.check_family, c.check_name
), units AS (
    SELECT u.bmu_id, coalesce(max(u.name), 'without a name') AS unit_name,
           min(u.settlement_date) AS first_day, max(u.settlement_date) AS last_day, count(*) AS day_count,
           sum(u.all_bids_mwh) AS all_bids_mwh, sum(u.curtailed_mwh) AS curtailed_mwh
    FROM params AS p
    JOIN minerecon.uncounted_units AS u ON u.settlement_date BETWEEN p.from_date AND p.to_date
    GROUP BY u.bmu_id
), found AS (
    SELECT 1 AS kind, 'day' AS what, i.status, min(i.settlement_date) AS first_day, max(i.settlement_date) AS last_day,
           count(*) AS day_count, nullif(array_to_string(i.not_passed, ', '), '') AS name, CAST(NULL AS text) AS meaning,
           coalesce(CASE WHEN i.alone IS NOT NULL THEN max(r.repair) END,
                    'minerecon reingest ' || min(i.settlement_date)
                    || CASE WHEN count(*) > 1 THEN ' ' || max(i.settlement_date) ELSE '' END) AS repair
    FROM islands AS i
    LEFT JOIN repairs AS r ON r.settlement_date = i.settlement_date
    GROUP BY i.status, i.alone, i.island, i.not_passed
    UNION ALL
    SELECT 1 + l.place, 'figure', 'not known', l.first_day, l.last_day, l.day_count, l.name, l.meaning,
           l.command || l.first_day || ' ' || l.last_day || l.options
    FROM lacking AS l
    UNION ALL
    SELECT 7, c.what, c.severity, c.first_day, c.last_day, c.day_count, c.name, NULL, c.repair
    FROM checks AS c
    UNION ALL
    SELECT 8, 'unit', 'not counted', u.first_day, u.last_day, u.day_count, u.bmu_id || ' (' || u.unit_name || ')',
           round(u.all_bids_mwh, 2) || ' MWh of all bids, ' || round(u.curtailed_mwh, 2) || ' MWh of them SO-flagged, are in no figure',
           NULL
    FROM units AS u
)
SELECT f.what, f.status, f.first_day, f.last_day, f.day_count, f.name, f.meaning, f.repair
FROM found AS f
ORDER BY f.kind, f.what, f.first_day, f.last_day, f.name;$q$),
    ($q$13_published_totals$q$, $q$Do the totals here agree with published ones?$q$, $q$Basis: each figure beside ours on its own basis; never across the two. Units: as in the column unit. verdict: whether ours is the published one in all of its digits, near (within 2 in 1,000), or further off; or why there is none. State: ours is NULL where no day of the period is stored, or one that is has not that figure; days_present of days_expected are in it, and days_final of these are final: the others may still change. difference is given for whole periods of real data only. is_known_wrong: the published one is; the note says why. How far to expect it, and why: docs/analyse/earlier_api.md, Published totals. btc_of_published_mwh: the Bitcoin that the energy published with it gives by the formula here, at its difficulty. model_ratio: of the published Bitcoin to the first model's of its period; fixed_ratio: what it must be on any rows. Change: sources. Without a change: all.$q$, $q$-- Question: do the totals here agree with published ones?
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
ORDER BY f.first_day, f.last_day, f.basis, f.figure, f.miner_model;$q$),
    ($q$14_unmapped_units$q$, $q$Which units look like wind farms, or once were, and do not count since the register has them otherwise?$q$, $q$A hint for a person, by name and id: it decides nothing. A unit that is one has its curtailment in no figure here until Elexon's register gives it the fuel type WIND. Change: at_date. Without a change: today's register.$q$, $q$-- Question: which units look like wind farms, or once were, and do not count since the register has them otherwise?
-- A hint for a person, by name and id: it decides nothing. A unit that is one has its curtailment in no figure here until
-- Elexon's register gives it the fuel type WIND.
-- Change: at_date. Without a change: today's register.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.at_date', true), '') AS date),
                    CAST(now() AT TIME ZONE 'Europe/London' AS date)) AS at_date
), in_force AS (
    SELECT DISTINCT ON (b.bmu_id) b.*
    FROM params AS p
    JOIN minerecon.bm_units AS b ON b.valid_to IS NULL OR b.valid_to > p.at_date
    ORDER BY b.bmu_id, b.valid_from <= p.at_date DESC,
             CASE WHEN b.valid_from <= p.at_date THEN b.valid_from END DESC, b.valid_from
), once_wind AS (
    SELECT bmu_id, max(valid_to) AS wind_until FROM minerecon.bm_units WHERE fuel_type = 'WIND' GROUP BY bmu_id
)
SELECT f.bmu_id, f.name AS unit_name, f.lead_party_name, f.national_grid_bmu_id, f.fuel_type, f.generation_capacity_mw,
       CASE WHEN w.bmu_id IS NOT NULL THEN 'was wind until ' || coalesce(CAST(w.wind_until AS text), 'now')
            ELSE 'name or id looks like wind' END AS why,
       f.is_synthetic
FROM in_force AS f
LEFT JOIN once_wind AS w USING (bmu_id)
WHERE f.fuel_type IS DISTINCT FROM 'WIND' AND (f.looks_like_wind OR w.bmu_id IS NOT NULL)
ORDER BY f.generation_capacity_mw DESC NULLS LAST, f.bmu_id;$q$),
    ($q$15_compare$q$, $q$How do two days, two units or two months compare, figure by figure?$q$, $q$Basis: SO-flagged; rows named all_bids_… are of all accepted wind bids. Units: in the figure's name; change is (b - a) / a. Units of wind are compared over from_date to to_date. Bitcoin is of days and months. State: state_a and state_b say what is compared; a missing day has no figures. Change: day_a, day_b, unit_a, unit_b, from_date, to_date, month_a, month_b. Without a change: the two newest stored days, the two most curtailed units of the 365 days up to the newest, and the two newest months that have a stored day.$q$, $q$-- Question: how do two days, two units or two months compare, figure by figure?
-- Basis: SO-flagged; rows named all_bids_… are of all accepted wind bids. Units: in the figure's name; change is (b - a) / a.
-- Units of wind are compared over from_date to to_date. Bitcoin is of days and months.
-- State: state_a and state_b say what is compared; a missing day has no figures.
-- Change: day_a, day_b, unit_a, unit_b, from_date, to_date, month_a, month_b. Without a change: the two newest stored
-- days, the two most curtailed units of the 365 days up to the newest, and the two newest months that have a stored day.
WITH dates AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT max(summary_date) - 364 FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
), params AS MATERIALIZED (
    SELECT d.from_date, d.to_date,
           coalesce(CAST(nullif(current_setting('minerecon.day_a', true), '') AS date),
                    (SELECT summary_date FROM minerecon.daily_summaries ORDER BY summary_date DESC OFFSET 1 LIMIT 1)) AS day_a,
           coalesce(CAST(nullif(current_setting('minerecon.day_b', true), '') AS date),
                    (SELECT summary_date FROM minerecon.daily_summaries ORDER BY summary_date DESC LIMIT 1)) AS day_b,
           coalesce(nullif(current_setting('minerecon.unit_a', true), ''),
                    (SELECT u.bmu_id FROM minerecon.unit_daily_summaries AS u
                     WHERE u.settlement_date BETWEEN d.from_date AND d.to_date
                     GROUP BY u.bmu_id ORDER BY sum(u.curtailed_mwh) DESC, u.bmu_id LIMIT 1)) AS unit_a,
           coalesce(nullif(current_setting('minerecon.unit_b', true), ''),
                    (SELECT u.bmu_id FROM minerecon.unit_daily_summaries AS u
                     WHERE u.settlement_date BETWEEN d.from_date AND d.to_date
                     GROUP BY u.bmu_id ORDER BY sum(u.curtailed_mwh) DESC, u.bmu_id OFFSET 1 LIMIT 1)) AS unit_b,
           coalesce(nullif(current_setting('minerecon.month_a', true), ''),
                    (SELECT to_char(CAST(summary_date AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries
                     GROUP BY 1 ORDER BY 1 DESC OFFSET 1 LIMIT 1)) AS month_a,
           coalesce(nullif(current_setting('minerecon.month_b', true), ''),
                    (SELECT to_char(CAST(summary_date AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries
                     GROUP BY 1 ORDER BY 1 DESC LIMIT 1)) AS month_b
    FROM dates AS d
), sides AS (
    SELECT 1 AS place, 'day' AS what, CAST(d.settlement_date AS text) AS name, d.settlement_date = p.day_b AS is_b,
           d.status, d.curtailed_mwh, d.payment_gbp, d.payment_gbp_per_mwh, d.curtailed_share, d.all_bids_mwh,
           d.all_bids_payment_gbp, CAST(d.record_count AS numeric) AS record_count
    FROM params AS p JOIN analytics.curtailment_by_day AS d ON d.settlement_date IN (p.day_a, p.day_b)
    UNION ALL
    SELECT 3, 'month', m.year_month, m.year_month = p.month_b, m.status, m.curtailed_mwh, m.payment_gbp,
           m.payment_gbp_per_mwh, m.curtailed_share, m.all_bids_mwh, m.all_bids_payment_gbp, m.record_count
    FROM params AS p JOIN analytics.curtailment_by_month AS m ON m.year_month IN (p.month_a, p.month_b)
    UNION ALL
    SELECT 2, 'unit', u.bmu_id, u.bmu_id = p.unit_b,
           (SELECT count(*) FROM minerecon.daily_summaries WHERE summary_date BETWEEN p.from_date AND p.to_date)
               || ' of ' || p.to_date - p.from_date + 1 || ' days',
           sum(u.curtailed_mwh), sum(u.payment_gbp), sum(u.payment_gbp) / nullif(sum(u.curtailed_mwh - u.unpriced_mwh), 0),
           NULL, sum(u.all_bids_mwh), sum(u.all_bids_payment_gbp), sum(u.record_count)
    FROM params AS p
    JOIN minerecon.unit_daily_summaries AS u
        ON u.bmu_id IN (p.unit_a, p.unit_b) AND u.settlement_date BETWEEN p.from_date AND p.to_date
    GROUP BY u.bmu_id, p.unit_b, p.from_date, p.to_date
), figures AS (
    SELECT s.place, s.what, s.name, s.is_b, s.status, f.line, f.figure, f.value
    FROM sides AS s
    CROSS JOIN LATERAL (VALUES
        (1, 'curtailed_mwh', s.curtailed_mwh), (2, 'payment_gbp', s.payment_gbp),
        (3, 'payment_gbp_per_mwh', s.payment_gbp_per_mwh), (4, 'curtailed_share', s.curtailed_share),
        (5, 'all_bids_mwh', s.all_bids_mwh), (6, 'all_bids_payment_gbp', s.all_bids_payment_gbp),
        (7, 'record_count', s.record_count)
    ) AS f (line, figure, value)
    WHERE NOT (s.what = 'unit' AND f.figure = 'curtailed_share')
    UNION ALL
    SELECT s.place, s.what, s.name, s.is_b, s.status, 8, 'mined_btc ' || b.miner_model, b.mined_btc
    FROM sides AS s JOIN minerecon.bitcoin_daily_summaries AS b ON CAST(b.summary_date AS text) = s.name
    WHERE s.what = 'day'
    UNION ALL
    SELECT s.place, s.what, s.name, s.is_b, s.status, 8, 'mined_btc ' || m.miner_model, m.mined_btc
    FROM sides AS s JOIN analytics.mining_potential_by_month AS m ON m.year_month = s.name
    WHERE s.what = 'month'
)
SELECT what, min(name) FILTER (WHERE NOT is_b) AS a, min(name) FILTER (WHERE is_b) AS b, figure,
       round(min(value) FILTER (WHERE NOT is_b), 6) AS value_a,
       round(min(value) FILTER (WHERE is_b), 6) AS value_b,
       round(min(value) FILTER (WHERE is_b) - min(value) FILTER (WHERE NOT is_b), 6) AS difference,
       round((min(value) FILTER (WHERE is_b) - min(value) FILTER (WHERE NOT is_b))
             / nullif(abs(min(value) FILTER (WHERE NOT is_b)), 0), 4) AS change,
       min(status) FILTER (WHERE NOT is_b) AS state_a, min(status) FILTER (WHERE is_b) AS state_b
FROM figures
GROUP BY place, what, line, figure
ORDER BY place, line, figure;$q$),
    ($q$16_above_and_below_the_border$q$, $q$How much wind is curtailed above and below boundary B6, the Scottish border, month by month?$q$, $q$Basis: SO-flagged (the headline) and, beside it, all accepted wind bids: never add the two. Units: MWh, GBP, shares (0 to 1). side: above B6 (zones _N and _P), below B6, or unknown: units that the register does not place. The zone is the one of each day. State: days_present of days_expected days are in the sums; status is the worst among the days. Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.$q$, $q$-- Question: how much wind is curtailed above and below boundary B6, the Scottish border, month by month?
-- Basis: SO-flagged (the headline) and, beside it, all accepted wind bids: never add the two. Units: MWh, GBP, shares (0 to 1).
-- side: above B6 (zones _N and _P), below B6, or unknown: units that the register does not place. The zone is the one of each day.
-- State: days_present of days_expected days are in the sums; status is the worst among the days.
-- Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT z.year_month,
       CASE WHEN z.above_b6 THEN 'above B6' WHEN NOT z.above_b6 THEN 'below B6' ELSE 'unknown' END AS side,
       string_agg(z.zone, ' ' ORDER BY z.zone) AS zones,
       round(sum(z.curtailed_mwh), 2) AS curtailed_mwh,
       round(sum(z.share_of_curtailed), 4) AS share_of_curtailed,
       round(sum(z.payment_gbp), 2) AS payment_gbp,
       round(sum(z.all_bids_mwh), 2) AS all_bids_mwh,
       round(sum(z.share_of_all_bids), 4) AS share_of_all_bids,
       round(sum(z.all_bids_payment_gbp), 2) AS all_bids_payment_gbp,
       z.days_present, z.days_expected, z.status, z.is_synthetic
FROM params AS p
JOIN analytics.curtailment_by_zone_month AS z ON z.year_month BETWEEN p.from_month AND p.to_month
GROUP BY z.year_month, z.above_b6, z.days_present, z.days_expected, z.status, z.is_synthetic
ORDER BY z.year_month, z.above_b6 DESC NULLS LAST;$q$),
    ($q$17_paid_twice$q$, $q$What was paid to stop wind, what would its replacement have cost, and do published totals agree, month by month?$q$, $q$Basis: SO-flagged. Units: MWh, GBP, shares (0 to 1). turn_up_estimate_gbp is an estimate, by the method of wastedwind.energy: the price of the cheapest accepted offers that make up for the bids; no payment that was made for it. turn_up_coverage: what of the bids offers cover. The cost with turn-up is of the turn_up_days alone, on both sides. published_gbp is another's estimate of the whole month by the same method, where one is published: of most months there is none, and of years there are more, in question 13. difference_share is given for whole months. State: days_present and turn_up_days of days_expected days; is_at_least: fewer of them have turn-up than the month has. Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.$q$, $q$-- Question: what was paid to stop wind, what would its replacement have cost, and do published totals agree, month by month?
-- Basis: SO-flagged. Units: MWh, GBP, shares (0 to 1). turn_up_estimate_gbp is an estimate, by the method of
-- wastedwind.energy: the price of the cheapest accepted offers that make up for the bids; no payment that was made for it.
-- turn_up_coverage: what of the bids offers cover. The cost with turn-up is of the turn_up_days alone, on both sides.
-- published_gbp is another's estimate of the whole month by the same method, where one is published: of most months there is
-- none, and of years there are more, in question 13. difference_share is given for whole months.
-- State: days_present and turn_up_days of days_expected days; is_at_least: fewer of them have turn-up than the month has.
-- Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.payment_gbp, 2) AS payment_gbp,
       round(m.turn_up_mwh, 2) AS turn_up_mwh,
       round(m.turn_up_coverage, 4) AS turn_up_coverage,
       round(m.turn_up_estimate_gbp, 2) AS turn_up_estimate_gbp,
       round(m.cost_with_turn_up_estimate_gbp, 2) AS cost_with_turn_up_estimate_gbp,
       f.value AS published_gbp,
       CASE WHEN m.turn_up_days = m.days_expected AND NOT m.is_synthetic
            THEN round((m.turn_up_estimate_gbp - f.value) / nullif(f.value, 0), 6) END AS difference_share,
       f.source AS published_by,
       m.turn_up_days, m.days_present, m.days_expected, m.turn_up_days < m.days_expected AS is_at_least, m.status,
       m.is_synthetic
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
LEFT JOIN minerecon.published_figures AS f
    ON f.period_label = m.year_month AND f.basis = 'so_flagged' AND f.figure = 'turn_up_estimate_gbp'
ORDER BY m.year_month;$q$),
    ($q$18_carbon$q$, $q$How much CO2 does it take to replace the curtailed wind, month by month?$q$, $q$Basis: SO-flagged. Units: MWh, tonnes of CO2, shares (0 to 1). Two figures that are never added: co2_ccgt_t, as if gas (CCGT) replaced all of it; co2_known_t, of the fuels of the turn-up estimate that have a factor, which are co2_known_share of turn_up_mwh. The factors are those of minerecon.emission_factors: what a power station gives off, and no life cycle. State: co2_days and turn_up_days of days_expected days are in the two figures; fewer: they are at least so much. Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.$q$, $q$-- Question: how much CO2 does it take to replace the curtailed wind, month by month?
-- Basis: SO-flagged. Units: MWh, tonnes of CO2, shares (0 to 1). Two figures that are never added: co2_ccgt_t, as if gas (CCGT)
-- replaced all of it; co2_known_t, of the fuels of the turn-up estimate that have a factor, which are co2_known_share of
-- turn_up_mwh. The factors are those of minerecon.emission_factors: what a power station gives off, and no life cycle.
-- State: co2_days and turn_up_days of days_expected days are in the two figures; fewer: they are at least so much.
-- Change: from_month, to_month (as in 2025-03). Without a change: all months that have a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(min(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM') FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT m.year_month,
       round(m.curtailed_mwh, 2) AS curtailed_mwh,
       round(m.co2_ccgt_t, 1) AS co2_ccgt_t,
       m.co2_days,
       round(m.turn_up_mwh, 2) AS turn_up_mwh,
       round(m.co2_known_t, 1) AS co2_known_t,
       round(m.co2_known_share, 4) AS co2_known_share,
       m.turn_up_days, m.days_present, m.days_expected, m.status, m.is_synthetic
FROM params AS p
JOIN analytics.curtailment_by_month AS m ON m.year_month BETWEEN p.from_month AND p.to_month
ORDER BY m.year_month;$q$),
    ($q$19_lost_share_by_farm$q$, $q$Which wind farms lost the largest share of what they had notified that they would give?$q$, $q$Basis: all accepted wind bids, net of what was taken back in the same half hour; SO-flagged ones, gross, beside it. Units: MWh; shares (0 to 1) of notified potential (PN), which is what a farm says, and not what the wind would have given. State: figures and shares are of the unit-days of potential_days of days_expected that have a notification, on both sides; those of a part of the month are no bound of the whole; with days_incomplete the shares are at least so much. A share is NULL, and the farm stands last, where more than 1 in 100 unit-periods of these days have none. units_in_force: with a bid or without. Change: from_month, to_month, how_many. Without a change: the newest month that has a stored day, the ten largest.$q$, $q$-- Question: which wind farms lost the largest share of what they had notified that they would give?
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
ORDER BY r.year_month, r.place;$q$),
    ($q$20_notified_against_metered$q$, $q$How does what wind farms notified, and were then instructed to give, stand beside what was metered?$q$, $q$Basis: all accepted wind bids. Units: MWh; delivered_against_instructed is 1 where a farm gave what it was told to give, and share_of_metered (0 to 1) is what it lost of metered output plus bids, the share that no notification is in. State: potential_days and metered_days of days_expected have them; delivered_mwh and delivered_of_mwh are of the unit-days that have both, and instructed_mwh and metered_mwh each of its own; metered_runs are the settlement runs of the meters. Change: from_month, to_month. Without a change: the newest month that has a stored day.$q$, $q$-- Question: how does what wind farms notified, and were then instructed to give, stand beside what was metered?
-- Basis: all accepted wind bids. Units: MWh; delivered_against_instructed is 1 where a farm gave what it was told to give,
-- and share_of_metered (0 to 1) is what it lost of metered output plus bids, the share that no notification is in.
-- State: potential_days and metered_days of days_expected have them; delivered_mwh and delivered_of_mwh are of the unit-days
-- that have both, and instructed_mwh and metered_mwh each of its own; metered_runs are the settlement runs of the meters.
-- Change: from_month, to_month. Without a change: the newest month that has a stored day.
WITH params AS (
    SELECT coalesce(nullif(current_setting('minerecon.from_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS from_month,
           coalesce(nullif(current_setting('minerecon.to_month', true), ''),
                    (SELECT to_char(CAST(max(summary_date) AS timestamp), 'YYYY-MM')
                     FROM minerecon.daily_summaries LIMIT 1)) AS to_month
)
SELECT f.year_month, f.farm_name,
       round(f.potential_mwh, 2) AS potential_mwh,
       round(f.all_bids_net_mwh, 2) AS all_bids_net_mwh,
       round(f.instructed_mwh, 2) AS instructed_mwh,
       round(f.metered_mwh, 2) AS metered_mwh,
       round(f.delivered_mwh, 2) AS delivered_mwh,
       round(f.delivered_of_mwh, 2) AS delivered_of_mwh,
       round(f.delivered_against_instructed, 4) AS delivered_against_instructed,
       round(f.all_bids_net_share_of_potential, 4) AS all_bids_net_share_of_potential,
       round(f.share_of_metered, 4) AS share_of_metered,
       f.metered_runs, round(f.potential_coverage, 4) AS potential_coverage,
       f.potential_days, f.metered_days, f.days_present, f.days_expected, f.status, f.is_synthetic
FROM params AS p
JOIN analytics.notified_potential_by_farm_month AS f ON f.year_month BETWEEN p.from_month AND p.to_month
ORDER BY f.year_month, f.farm_name;$q$);

COMMENT ON VIEW analytics.questions IS
'Grain: name. The questions of queries/ with their SQL, for whoever has this address alone. In psql: SELECT query FROM analytics.questions WHERE name LIKE ''02%'' \gexec';
COMMENT ON COLUMN analytics.questions.name IS 'Name of the question, as in 02_most_curtailed.';
COMMENT ON COLUMN analytics.questions.question IS 'What is asked.';
COMMENT ON COLUMN analytics.questions.about IS
'Basis, units, state, and what can be changed: by SET minerecon.from_date = ''2025-03-01'', and so on.';
COMMENT ON COLUMN analytics.questions.query IS 'One statement, which any reader may run as it is.';
