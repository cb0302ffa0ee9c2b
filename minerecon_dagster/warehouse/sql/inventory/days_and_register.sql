-- The stored days from :first_day to :last_day: whether their rows were compared with the register, and the units that
-- they left out although the register in force on the day has them as wind by now, with the MWh of all their bids.
WITH left_out AS (
    SELECT settlement_date, bmu_id, all_bids_mwh FROM minerecon.uncounted_units
    UNION ALL
    SELECT l.settlement_date, u.bmu_id, u.all_bids_mwh
    FROM minerecon.left_out_units AS l
    CROSS JOIN LATERAL unnest(l.bmu_ids, l.all_bids_mwh) AS u (bmu_id, all_bids_mwh)
)
SELECT s.summary_date AS settlement_date, l.settlement_date IS NOT NULL AS was_compared,
       coalesce(learned.units, '{}') AS learned, coalesce(learned.mwh, '{}') AS learned_mwh
FROM minerecon.daily_summaries AS s
LEFT JOIN minerecon.reconciliation_latest AS l
    ON l.scope = 'day' AND l.settlement_date = s.summary_date
    AND l.check_family = 'register' AND l.check_name = 'uncounted_energy_is_small'
LEFT JOIN (
    SELECT u.settlement_date, array_agg(u.bmu_id ORDER BY u.bmu_id) AS units,
           array_agg(u.all_bids_mwh ORDER BY u.bmu_id) AS mwh
    FROM left_out AS u
    CROSS JOIN LATERAL (
        -- The version in force: the first one covers all days before it.
        SELECT b.fuel_type, b.valid_to
        FROM minerecon.bm_units AS b
        WHERE b.bmu_id = u.bmu_id
        ORDER BY b.valid_from <= u.settlement_date DESC,
                 CASE WHEN b.valid_from <= u.settlement_date THEN b.valid_from END DESC, b.valid_from
        LIMIT 1
    ) AS v
    -- Of the hundreds of units that a day leaves out hardly one was ever wind: the others need no version.
    WHERE u.bmu_id IN (SELECT bmu_id FROM minerecon.bm_units WHERE fuel_type = 'WIND')
      AND v.fuel_type = 'WIND' AND (v.valid_to IS NULL OR v.valid_to > u.settlement_date)
    GROUP BY u.settlement_date
) AS learned ON learned.settlement_date = s.summary_date
WHERE s.summary_date BETWEEN :first_day AND :last_day
ORDER BY s.summary_date;
