-- The days from :first_day to :last_day whose sums are not those of their rows, or whose state and periods are not those
-- of their answers, and how many days were compared. One pass over all records and calculations, exact; what a row itself
-- should be is for the checks of its day. And the final days among them that have a record which was made sooner than
-- :rerun_not_before after its period's start.
WITH records AS (
    SELECT settlement_date AS day, $day_of_records_named,
           bool_or(elexon_created_at - start_time < CAST(:rerun_not_before AS interval)) AS has_early
    FROM minerecon.curtailment_records WHERE settlement_date BETWEEN :first_day AND :last_day GROUP BY settlement_date
), wind AS (
    SELECT settlement_date AS day, count(wind_onshore_mw) AS onshore_count, count(wind_offshore_mw) AS offshore_count,
           sum(wind_onshore_mw) * 0.5 AS onshore_mwh, sum(wind_offshore_mw) * 0.5 AS offshore_mwh
    FROM minerecon.wind_generation_data WHERE settlement_date BETWEEN :first_day AND :last_day GROUP BY settlement_date
), calculations AS (
    SELECT settlement_date AS day, miner_model, sum(curtailed_mwh) AS curtailed_mwh, sum(mined_btc) AS mined_btc,
           min(difficulty) AS least_difficulty, max(difficulty) AS most_difficulty
    FROM minerecon.historical_bitcoin_calculations WHERE settlement_date BETWEEN :first_day AND :last_day
    GROUP BY settlement_date, miner_model
), sums AS (
    SELECT summary_date AS day, miner_model, mined_btc
    FROM minerecon.bitcoin_daily_summaries WHERE summary_date BETWEEN :first_day AND :last_day
), bitcoin AS (
    SELECT day, array_agg(miner_model ORDER BY miner_model) AS models
    FROM calculations AS c
    FULL OUTER JOIN sums AS s USING (day, miner_model)
    LEFT JOIN records AS r USING (day)
    LEFT JOIN minerecon.bitcoin_difficulty AS d ON d.settlement_date = day
    WHERE (coalesce(c.curtailed_mwh, 0), coalesce(c.mined_btc, 0))
          IS DISTINCT FROM (coalesce(r.curtailed_mwh, 0), s.mined_btc)
       OR c.least_difficulty <> d.difficulty OR c.most_difficulty <> d.difficulty
    GROUP BY day
), units AS (
    SELECT settlement_date AS day, $day_of_parts_named, count(*) AS bmu_count
    FROM minerecon.unit_daily_summaries WHERE settlement_date BETWEEN :first_day AND :last_day GROUP BY settlement_date
), periods AS (
    SELECT settlement_date AS day, $day_of_parts_named
    FROM minerecon.period_summaries WHERE settlement_date BETWEEN :first_day AND :last_day GROUP BY settlement_date
), asked AS (
    -- Where no attempt has failed, an error is of an answer that was due and is unpublished.
    SELECT settlement_date AS day, settlement_period, count(*) AS sides,
           count(*) FILTER (WHERE status IN ('rows', 'empty')) AS present_sides,
           bool_or(status = 'failed' OR (status <> 'unpublished' AND error IS NOT NULL)) AS has_failed,
           bool_or(error IS NOT NULL) AS is_late, min(fetched_at) AS fetched_at
    FROM minerecon.ingestion_progress WHERE settlement_date BETWEEN :first_day AND :last_day
    GROUP BY settlement_date, settlement_period
), answers AS (
    -- A period is present where all sides are that were asked for on the day.
    SELECT day, bool_or(has_failed) AS has_failed, bool_or(is_late) AS is_late, min(fetched_at) AS fetched_at,
           CASE max(sides) WHEN 1 THEN count(*) FILTER (WHERE present_sides = 1)
                ELSE count(*) FILTER (WHERE present_sides = 2) END AS periods_present
    FROM asked GROUP BY day
), compared AS (
    SELECT day, d.summary_date IS NOT NULL AS is_stored, bitcoin.models, d.state, d.periods_present,
           a.periods_present AS periods_answered,
           -- What an attempt that failed has left there is not what the day was built from: the day is failing.
           a.has_failed IS NOT TRUE AND (
               d.periods_present <> coalesce(a.periods_present, 0)
               OR (d.state = 'incomplete') <> coalesce(a.is_late, false)
               OR d.is_final AND (
                   least(d.periods_due, d.periods_present) < d.periods_expected
                   OR a.fetched_at <= CAST(day + 1 AS timestamp) AT TIME ZONE 'Europe/London'
                                      + CAST(:final_after AS interval)
               )
           ) AS coverage_differs, d.is_final AND r.has_early AS is_early,
           ($r_columns_or_0)
           IS DISTINCT FROM
           ($d_columns) AS records_differ,
           (CASE WHEN w.onshore_count = d.periods_expected THEN w.onshore_mwh END,
            CASE WHEN w.offshore_count = d.periods_expected THEN w.offshore_mwh END)
           IS DISTINCT FROM (d.wind_onshore_mwh, d.wind_offshore_mwh) AS wind_differs,
           (coalesce(u.bmu_count, 0), $u_columns_or_0)
           IS DISTINCT FROM
           (d.bmu_count, $d_columns) AS units_differ,
           ($p_columns_or_0)
           IS DISTINCT FROM
           ($d_columns) AS periods_differ
    FROM (
        SELECT *, summary_date AS day
        FROM minerecon.daily_summaries WHERE summary_date BETWEEN :first_day AND :last_day
    ) AS d
    FULL OUTER JOIN records AS r USING (day)
    FULL OUTER JOIN wind AS w USING (day)
    FULL OUTER JOIN bitcoin USING (day)
    FULL OUTER JOIN units AS u USING (day)
    FULL OUTER JOIN periods AS p USING (day)
    LEFT JOIN answers AS a USING (day)
)
SELECT count(*) AS looked_at, count(*) FILTER (WHERE is_stored) AS stored, coalesce(array_agg(day ORDER BY day) FILTER (WHERE is_early), '{}') AS early,
       coalesce(jsonb_agg(jsonb_build_object(
           'day', day, 'is_stored', is_stored, 'records', records_differ, 'wind', wind_differs, 'units', units_differ,
           'periods', periods_differ, 'models', models, 'coverage', coverage_differs, 'state', state,
           'periods_present', periods_present, 'periods_answered', periods_answered
       ) ORDER BY day) FILTER (
           WHERE records_differ OR wind_differs OR units_differ OR periods_differ OR models IS NOT NULL
              OR coverage_differs
       ), '[]') AS differing
FROM compared;
