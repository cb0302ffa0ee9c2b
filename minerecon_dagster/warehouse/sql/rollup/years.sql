-- The years :years, made anew from the daily tables; one without any stored day has no row.
DELETE FROM minerecon.bitcoin_yearly_summaries WHERE year = ANY(CAST(:years AS smallint[]));
DELETE FROM minerecon.yearly_summaries WHERE year = ANY(CAST(:years AS smallint[]));
-- Wind output is known of the whole or not at all. No sum is dated before a day in it, whatever clock that had.
INSERT INTO minerecon.yearly_summaries (
    year, curtailed_mwh, paid_gbp, refunded_gbp, unpriced_mwh, all_bids_mwh, all_bids_payment_gbp, record_count,
    so_record_count, wind_generation_mwh, wind_onshore_mwh, wind_offshore_mwh, days_expected, days_present, days_final,
    is_synthetic, built_at, summed_days
)
SELECT p.year, sum(d.curtailed_mwh), sum(d.paid_gbp), sum(d.refunded_gbp), sum(d.unpriced_mwh),
       sum(d.all_bids_mwh), sum(d.all_bids_payment_gbp), sum(d.record_count), sum(d.so_record_count),
       CASE WHEN count(*) = count(d.wind_generation_mwh) THEN sum(d.wind_generation_mwh) END,
       CASE WHEN count(*) = count(d.wind_onshore_mwh) THEN sum(d.wind_onshore_mwh) END,
       CASE WHEN count(*) = count(d.wind_offshore_mwh) THEN sum(d.wind_offshore_mwh) END,
       p.next_day - p.first_day, count(*), count(*) FILTER (WHERE d.is_final),
       bool_or(d.is_synthetic), greatest(CAST(:now AS timestamptz), max(d.built_at)),
       md5(string_agg(to_char(d.summary_date, 'YYYYMMDD') || ' ' || extract(epoch FROM d.built_at), ','
                      ORDER BY d.summary_date))
FROM (
    SELECT year, make_date(year, 1, 1) AS first_day, make_date(year + 1, 1, 1) AS next_day
    FROM unnest(CAST(:years AS smallint[])) AS asked (year)
) AS p
JOIN minerecon.daily_summaries AS d ON d.summary_date >= p.first_day AND d.summary_date < p.next_day
GROUP BY p.year, p.first_day, p.next_day;
INSERT INTO minerecon.bitcoin_yearly_summaries (
    year, miner_model, mined_btc, days_expected, days_present, days_final, built_at
)
SELECT s.year, b.miner_model, sum(b.mined_btc), s.days_expected, count(*),
       count(*) FILTER (WHERE d.is_final), s.built_at
FROM minerecon.yearly_summaries AS s
JOIN minerecon.daily_summaries AS d ON d.summary_date >= make_date(s.year, 1, 1)
    AND d.summary_date < make_date(s.year + 1, 1, 1)
JOIN minerecon.bitcoin_daily_summaries AS b USING (summary_date)
WHERE s.year = ANY(CAST(:years AS smallint[]))
GROUP BY s.year, b.miner_model, s.days_expected, s.built_at;
-- What was summed, beside the figures: whatever is typed into them later is another, and is told from sums that lag.
UPDATE minerecon.yearly_summaries AS s
SET summed = to_jsonb(s) - CAST(ARRAY[
        'payment_gbp', 'curtailed_share', 'is_complete', 'built_at', 'summed', 'summed_days'
    ] AS text[]) || jsonb_build_object('bitcoin', (
        SELECT jsonb_object_agg(b.miner_model, jsonb_build_array(b.mined_btc, b.days_present, b.days_final))
        FROM minerecon.bitcoin_yearly_summaries AS b WHERE b.year = s.year
    ))
WHERE s.year = ANY(CAST(:years AS smallint[]));
