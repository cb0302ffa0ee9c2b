-- A day's sums, from its records and nothing else. Headline figures are of SO-flagged bids.
INSERT INTO minerecon.daily_summaries (
    summary_date, $day_columns, bmu_count,
    periods_expected, periods_due, periods_present, state,
    wind_onshore_mwh, wind_offshore_mwh, wind_generation_mwh, archive_uri, is_synthetic, built_from, built_at
)
SELECT :day, r.*, :periods_expected, :periods_due, :periods_present, :state,
       wind.onshore_mwh, wind.offshore_mwh, wind.onshore_mwh + wind.offshore_mwh,
       :archive_uri, :is_synthetic, :built_from, :built_at
FROM (
    SELECT $day_of_records, count(DISTINCT bmu_id)
    FROM minerecon.curtailment_records WHERE settlement_date = :day
) AS r, (
    -- Of the whole day or not at all: a part of it beside a whole day's curtailment would mislead.
    SELECT CASE WHEN count(wind_onshore_mw) = :periods_expected THEN sum(wind_onshore_mw) * 0.5 END AS onshore_mwh,
           CASE WHEN count(wind_offshore_mw) = :periods_expected THEN sum(wind_offshore_mw) * 0.5 END AS offshore_mwh
    FROM minerecon.wind_generation_data WHERE settlement_date = :day
) AS wind
ON CONFLICT (summary_date) DO UPDATE SET
       $day_from_excluded,
    bmu_count = excluded.bmu_count,
    periods_expected = excluded.periods_expected, periods_due = excluded.periods_due,
    periods_present = excluded.periods_present, state = excluded.state, archive_uri = excluded.archive_uri,
    wind_onshore_mwh = excluded.wind_onshore_mwh, wind_offshore_mwh = excluded.wind_offshore_mwh,
    wind_generation_mwh = excluded.wind_generation_mwh, is_synthetic = excluded.is_synthetic,
    built_from = excluded.built_from, built_at = excluded.built_at;
