-- A day's sums, from its records, and the turn-up estimate of its periods and fuels. Headline figures are of SO-flagged bids.
INSERT INTO minerecon.daily_summaries (
    summary_date, $day_columns, bmu_count,
    periods_expected, periods_due, periods_present, state,
    wind_onshore_mwh, wind_offshore_mwh, wind_generation_mwh,
    turn_up_mwh, turn_up_estimate_gbp, co2_ccgt_t, co2_known_mwh, co2_known_t,
    archive_uri, is_synthetic, built_from, built_at
)
SELECT :day, $r_day_columns, r.bmu_count, :periods_expected, :periods_due, :periods_present, :state,
       wind.onshore_mwh, wind.offshore_mwh, wind.onshore_mwh + wind.offshore_mwh,
       turn_up.mwh, turn_up.gbp, r.curtailed_mwh * factor.g_per_kwh * 0.001, known.mwh, known.t,
       :archive_uri, :is_synthetic, :built_from, :built_at
FROM (
    SELECT $day_of_records_named, count(DISTINCT bmu_id) AS bmu_count
    FROM minerecon.curtailment_records WHERE settlement_date = :day
) AS r, (
    -- Of the whole day or not at all: a part of it beside a whole day's curtailment would mislead.
    SELECT CASE WHEN count(wind_onshore_mw) = :periods_expected THEN sum(wind_onshore_mw) * 0.5 END AS onshore_mwh,
           CASE WHEN count(wind_offshore_mw) = :periods_expected THEN sum(wind_offshore_mw) * 0.5 END AS offshore_mwh
    FROM minerecon.wind_generation_data WHERE settlement_date = :day
) AS wind, (
    -- Known where the offers of all its periods with SO-flagged bids are there; of a day without such bids it is 0.
    SELECT CASE WHEN :has_turn_up THEN coalesce(sum(turn_up_mwh), 0) END AS mwh,
           CASE WHEN :has_turn_up THEN coalesce(sum(turn_up_estimate_gbp), 0) END AS gbp
    FROM minerecon.turn_up_by_period WHERE settlement_date = :day
) AS turn_up, (
    SELECT CASE WHEN :has_turn_up THEN coalesce(sum(turn_up_mwh) FILTER (WHERE co2_t IS NOT NULL), 0) END AS mwh,
           CASE WHEN :has_turn_up THEN coalesce(sum(co2_t), 0) END AS t
    FROM minerecon.turn_up_by_fuel_day WHERE settlement_date = :day
) AS known, (
    -- 1 g/kWh is 1 kg/MWh. Multiplied by 0.001, and not divided by 1000: a division may round.
    SELECT (
        SELECT g_per_kwh FROM minerecon.emission_factors
        WHERE fuel = :ccgt AND valid_from <= :day ORDER BY valid_from DESC LIMIT 1
    ) AS g_per_kwh
) AS factor
ON CONFLICT (summary_date) DO UPDATE SET
       $day_from_excluded,
    bmu_count = excluded.bmu_count,
    periods_expected = excluded.periods_expected, periods_due = excluded.periods_due,
    periods_present = excluded.periods_present, state = excluded.state, archive_uri = excluded.archive_uri,
    wind_onshore_mwh = excluded.wind_onshore_mwh, wind_offshore_mwh = excluded.wind_offshore_mwh,
    wind_generation_mwh = excluded.wind_generation_mwh, turn_up_mwh = excluded.turn_up_mwh,
    turn_up_estimate_gbp = excluded.turn_up_estimate_gbp, co2_ccgt_t = excluded.co2_ccgt_t,
    co2_known_mwh = excluded.co2_known_mwh, co2_known_t = excluded.co2_known_t, is_synthetic = excluded.is_synthetic,
    built_from = excluded.built_from, built_at = excluded.built_at;
