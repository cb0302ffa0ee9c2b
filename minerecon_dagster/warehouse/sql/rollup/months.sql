-- The months :months, made anew from the daily tables; one without any stored day has no row.
DELETE FROM minerecon.bitcoin_monthly_summaries WHERE year_month = ANY(CAST(:months AS text[]));
DELETE FROM minerecon.monthly_summaries WHERE year_month = ANY(CAST(:months AS text[]));
-- Wind output is known of the whole or not at all. No sum is dated before a day in it, whatever clock that had.
INSERT INTO minerecon.monthly_summaries (
    year_month, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh, all_bids_payment_gbp, record_count,
    so_record_count, wind_generation_mwh, wind_onshore_mwh, wind_offshore_mwh, days_expected, days_present, days_final,
    is_synthetic, built_at, summed_days
)
SELECT p.year_month, sum(d.curtailed_mwh), sum(d.paid_gbp), sum(d.refunded_gbp), sum(d.unpriced_mwh),
       sum(d.all_bids_mwh), sum(d.all_bids_payment_gbp), sum(d.record_count), sum(d.so_record_count),
       CASE WHEN count(*) = count(d.wind_generation_mwh) THEN sum(d.wind_generation_mwh) END,
       CASE WHEN count(*) = count(d.wind_onshore_mwh) THEN sum(d.wind_onshore_mwh) END,
       CASE WHEN count(*) = count(d.wind_offshore_mwh) THEN sum(d.wind_offshore_mwh) END,
       p.next_day - p.first_day, count(*), count(*) FILTER (WHERE d.is_final),
       bool_or(d.is_synthetic), greatest(CAST(:now AS timestamptz), max(d.built_at)),
       md5(string_agg(to_char(d.summary_date, 'YYYYMMDD') || ' ' || extract(epoch FROM d.built_at), ','
                      ORDER BY d.summary_date))
FROM (
    SELECT year_month, to_date(year_month, 'YYYY-MM') AS first_day,
           CAST(to_date(year_month, 'YYYY-MM') + interval '1 month' AS date) AS next_day
    FROM unnest(CAST(:months AS text[])) AS asked (year_month)
) AS p
JOIN minerecon.daily_summaries AS d ON d.summary_date >= p.first_day AND d.summary_date < p.next_day
GROUP BY p.year_month, p.first_day, p.next_day;
INSERT INTO minerecon.bitcoin_monthly_summaries (
    year_month, miner_model, mined_btc, days_expected, days_present, days_final, built_at
)
SELECT s.year_month, b.miner_model, sum(b.mined_btc), s.days_expected, count(*),
       count(*) FILTER (WHERE d.is_final), s.built_at
FROM minerecon.monthly_summaries AS s
JOIN minerecon.daily_summaries AS d ON d.summary_date >= to_date(s.year_month, 'YYYY-MM')
    AND d.summary_date < CAST(to_date(s.year_month, 'YYYY-MM') + interval '1 month' AS date)
JOIN minerecon.bitcoin_daily_summaries AS b USING (summary_date)
WHERE s.year_month = ANY(CAST(:months AS text[]))
GROUP BY s.year_month, b.miner_model, s.days_expected, s.built_at;
-- What was summed, beside the figures: whatever is typed into them later is another, and is told from sums that lag.
UPDATE minerecon.monthly_summaries AS s
SET summed = to_jsonb(s) - CAST(ARRAY[
        'payment_gbp', 'curtailed_share', 'is_complete', 'built_at', 'summed', 'summed_days'
    ] AS text[]) || jsonb_build_object('bitcoin', (
        SELECT jsonb_object_agg(b.miner_model, jsonb_build_array(b.mined_btc, b.days_present, b.days_final))
        FROM minerecon.bitcoin_monthly_summaries AS b WHERE b.year_month = s.year_month
    ))
WHERE s.year_month = ANY(CAST(:months AS text[]));
