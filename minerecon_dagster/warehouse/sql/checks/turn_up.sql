-- A day's turn-up estimate against the sums that it is made for and of; a row per property.
WITH periods AS (
    SELECT settlement_period, t.settlement_period IS NOT NULL AS has_row, t.target_mwh, t.turn_up_mwh, t.uncovered_mwh,
           coalesce(p.curtailed_mwh, 0) AS curtailed_mwh
    FROM (SELECT * FROM minerecon.turn_up_by_period WHERE settlement_date = :day) AS t
    FULL JOIN (
        SELECT settlement_period, curtailed_mwh FROM minerecon.period_summaries
        WHERE settlement_date = :day AND curtailed_mwh <> 0
    ) AS p USING (settlement_period)
), day AS (
    SELECT *, turn_up_mwh IS NOT NULL AS is_known FROM minerecon.daily_summaries WHERE summary_date = :day
), fuels AS (
    SELECT coalesce(sum(turn_up_mwh), 0) AS mwh, coalesce(sum(turn_up_estimate_gbp), 0) AS gbp,
           coalesce(sum(turn_up_mwh) FILTER (WHERE co2_t IS NOT NULL), 0) AS known_mwh, coalesce(sum(co2_t), 0) AS known_t
    FROM minerecon.turn_up_by_fuel_day WHERE settlement_date = :day
), of_periods AS (
    SELECT coalesce(sum(turn_up_mwh), 0) AS mwh, coalesce(sum(turn_up_estimate_gbp), 0) AS gbp
    FROM minerecon.turn_up_by_period WHERE settlement_date = :day
), figures AS (
    SELECT f.figure, f.expected, f.actual
    FROM day AS d CROSS JOIN fuels AS u CROSS JOIN of_periods AS p
    CROSS JOIN LATERAL (VALUES
        ('turn_up_mwh of the fuels', p.mwh, u.mwh),
        ('turn_up_estimate_gbp of the fuels', p.gbp, u.gbp),
        ('turn_up_mwh of the day', CASE WHEN d.is_known THEN p.mwh END, d.turn_up_mwh),
        ('turn_up_estimate_gbp of the day', CASE WHEN d.is_known THEN p.gbp END, d.turn_up_estimate_gbp),
        ('cost_with_turn_up_estimate_gbp of the day', CASE WHEN d.is_known THEN d.payment_gbp + p.gbp END,
         d.cost_with_turn_up_estimate_gbp),
        ('co2_known_mwh of the day', CASE WHEN d.is_known THEN u.known_mwh END, d.co2_known_mwh),
        ('co2_known_t of the day', CASE WHEN d.is_known THEN u.known_t END, d.co2_known_t),
        ('co2_ccgt_t of the day', d.curtailed_mwh * CAST(:ccgt_g_per_kwh AS numeric) * 0.001, d.co2_ccgt_t)
    ) AS f (figure, expected, actual)
    WHERE f.expected IS DISTINCT FROM f.actual
)
SELECT 'turn_up_target_is_curtailed' AS check_name,
       -- The day, and each of its periods with turn-up or SO-flagged bids.
       (SELECT count(*) FROM day) + (SELECT count(*) FROM periods) AS looked_at,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
               'settlement_period', p.settlement_period, 'curtailed_mwh', CAST(p.curtailed_mwh AS text),
               'target_mwh', CAST(p.target_mwh AS text)
           ))
           FROM periods AS p CROSS JOIN day AS d
           -- Of a day without turn-up a period may lack it.
           WHERE p.target_mwh IS DISTINCT FROM p.curtailed_mwh AND (p.has_row OR d.is_known)
       ), '[]') AS violations,
       CAST(NULL AS text) AS note
UNION ALL
SELECT 'turn_up_adds_up', (SELECT count(*) FROM day) + (SELECT count(*) FROM periods),
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
               'settlement_period', p.settlement_period, 'target_mwh', CAST(p.target_mwh AS text),
               'turn_up_mwh', CAST(p.turn_up_mwh AS text), 'uncovered_mwh', CAST(p.uncovered_mwh AS text)
           ))
           FROM periods AS p WHERE p.has_row AND (p.turn_up_mwh + p.uncovered_mwh <> p.target_mwh OR p.uncovered_mwh < 0)
       ), '[]') || coalesce((
           SELECT jsonb_agg(jsonb_build_object(
               'figure', figure, 'expected', CAST(expected AS text), 'stored', CAST(actual AS text)
           )) FROM figures
       ), '[]'),
       NULL;
