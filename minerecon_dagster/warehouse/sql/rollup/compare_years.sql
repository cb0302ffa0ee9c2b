-- Every year that has a stored day or a sum, and what is wrong with its sums, if anything is; all of one snapshot.
-- Sums are compared with what was summed, first of all: what somebody typed in is no sum of any day, whatever its days
-- have become since. If its days are no longer those that were summed, as their times of building say, it lags, since
-- the first of them was built, or else the newest day was. If they are, every figure must be the sum of them. Sums of
-- before that was kept have none of it, and are compared with their days alone.
WITH days AS (
    SELECT CAST(extract(year FROM summary_date) AS smallint) AS year, count(*) AS days_present,
           count(*) FILTER (WHERE is_final) AS days_final,
           sum(curtailed_mwh) AS curtailed_mwh, sum(paid_gbp) AS paid_gbp, sum(refunded_gbp) AS refunded_gbp,
           sum(unpriced_mwh) AS unpriced_mwh, sum(all_bids_mwh) AS all_bids_mwh,
           sum(all_bids_payment_gbp) AS all_bids_payment_gbp, sum(record_count) AS record_count,
           sum(so_record_count) AS so_record_count,
           CASE WHEN count(*) = count(wind_onshore_mwh) THEN sum(wind_onshore_mwh) END AS wind_onshore_mwh,
           CASE WHEN count(*) = count(wind_offshore_mwh) THEN sum(wind_offshore_mwh) END AS wind_offshore_mwh,
           CASE WHEN count(*) = count(wind_generation_mwh) THEN sum(wind_generation_mwh) END AS wind_generation_mwh,
           extract(doy FROM date_trunc('year', min(summary_date)) + interval '1 year - 1 day') AS days_expected,
           max(built_at) AS newest_day_built_at, min(built_at) AS oldest_day_built_at,
           md5(string_agg(to_char(summary_date, 'YYYYMMDD') || ' ' || extract(epoch FROM built_at), ','
                          ORDER BY summary_date)) AS stored_days
    FROM minerecon.daily_summaries GROUP BY 1
), parts AS (
    SELECT year, jsonb_object_agg(miner_model, jsonb_build_array(mined_btc, days_present, days_final)) AS bitcoin
    FROM (
        SELECT CAST(extract(year FROM summary_date) AS smallint) AS year, miner_model,
               sum(mined_btc) AS mined_btc, count(*) AS days_present,
               count(*) FILTER (WHERE is_final) AS days_final
        FROM minerecon.bitcoin_daily_summaries JOIN minerecon.daily_summaries USING (summary_date)
        GROUP BY 1, miner_model
    ) AS of_model GROUP BY year
), sums AS (
    SELECT year, jsonb_object_agg(miner_model, jsonb_build_array(mined_btc, days_present, days_final)) AS bitcoin
    FROM minerecon.bitcoin_yearly_summaries GROUP BY year
), failing AS (
    SELECT CAST(extract(year FROM settlement_date) AS smallint) AS year,
           array_agg(settlement_date ORDER BY settlement_date) AS waits_for
    FROM analytics.reconciliation_status WHERE status = 'failing' GROUP BY 1
)
SELECT year,
       CASE WHEN s.built_at IS NULL THEN days.oldest_day_built_at
            ELSE coalesce((
                SELECT min(d.built_at) FROM minerecon.daily_summaries AS d
                WHERE d.summary_date >= make_date(year, 1, 1)
                  AND d.summary_date < CAST(make_date(year, 1, 1) + interval '1 year' AS date)
                  AND d.built_at > s.built_at
            ), days.newest_day_built_at) END AS lagging_since,
       coalesce(failing.waits_for, '{}') AS waits_for,
       CASE WHEN days.days_present IS NULL THEN 'its days are gone'
            WHEN s.built_at IS NULL AND sums.bitcoin IS NULL THEN 'missing'
            WHEN s.built_at IS NULL
              OR s.summed IS NOT NULL AND (NOT to_jsonb(s) @> (s.summed - 'bitcoin')
                                           OR coalesce(sums.bitcoin, 'null') <> s.summed -> 'bitcoin')
                THEN 'not the sum of its days: changed after it was summed'
            WHEN s.built_at < days.newest_day_built_at THEN 'older than a day in it'
            WHEN s.summed_days <> days.stored_days THEN 'of other days than are stored'
            WHEN (s.days_present, s.days_final, s.curtailed_mwh, s.paid_gbp, s.refunded_gbp, s.unpriced_mwh,
                  s.all_bids_mwh, s.all_bids_payment_gbp, s.record_count, s.so_record_count, s.wind_onshore_mwh,
                  s.wind_offshore_mwh, s.wind_generation_mwh, s.days_expected)
                 IS DISTINCT FROM
                 (days.days_present, days.days_final, days.curtailed_mwh, days.paid_gbp, days.refunded_gbp,
                  days.unpriced_mwh, days.all_bids_mwh, days.all_bids_payment_gbp, days.record_count,
                  days.so_record_count, days.wind_onshore_mwh, days.wind_offshore_mwh,
                  days.wind_generation_mwh, days.days_expected)
              OR sums.bitcoin IS DISTINCT FROM parts.bitcoin THEN 'not the sum of its days' END AS problem
FROM days
FULL OUTER JOIN minerecon.yearly_summaries AS s USING (year)
FULL OUTER JOIN sums USING (year)
LEFT JOIN parts USING (year)
LEFT JOIN failing USING (year)
ORDER BY year;
