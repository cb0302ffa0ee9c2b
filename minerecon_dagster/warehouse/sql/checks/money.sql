-- The money of a day: each record by its formula, and the day's payments by its records; a row per property.
WITH records AS (
    SELECT settlement_period, stack_side, bmu_id, volume_mwh, curtailed_mwh, original_price_gbp_per_mwh AS price,
           payment_gbp, volume_mwh * original_price_gbp_per_mwh AS formula_gbp, coalesce(so_flag, false) AS so_flagged
    FROM minerecon.curtailment_records
    WHERE settlement_date = :day
), of_records AS (
    SELECT count(*) AS record_count,
           coalesce(sum(formula_gbp) FILTER (WHERE so_flagged), 0) AS so_gbp,
           coalesce(sum(formula_gbp), 0) AS all_gbp,
           coalesce(sum(payment_gbp) FILTER (WHERE so_flagged AND payment_gbp > 0), 0) AS paid_gbp,
           coalesce(-sum(payment_gbp) FILTER (WHERE so_flagged AND payment_gbp < 0), 0) AS refunded_gbp,
           coalesce(jsonb_agg(jsonb_build_object(
               'settlement_period', settlement_period, 'stack_side', stack_side, 'bmu_id', bmu_id,
               'volume_mwh', CAST(volume_mwh AS text), 'price_gbp_per_mwh', CAST(price AS text),
               'payment_gbp', CAST(payment_gbp AS text)
           ))
               FILTER (WHERE payment_gbp IS DISTINCT FROM formula_gbp), '[]') AS wrong_payments,
           coalesce(jsonb_agg(jsonb_build_object(
               'settlement_period', settlement_period, 'stack_side', stack_side, 'bmu_id', bmu_id,
               'volume_mwh', CAST(volume_mwh AS text), 'curtailed_mwh', CAST(curtailed_mwh AS text),
               'price_gbp_per_mwh', CAST(price AS text), 'payment_gbp', CAST(payment_gbp AS text)
           ))
               FILTER (WHERE volume_mwh >= 0 OR curtailed_mwh IS DISTINCT FROM -volume_mwh
                             OR sign(payment_gbp) IS DISTINCT FROM sign(volume_mwh) * sign(price)), '[]') AS wrong_signs
    FROM records
), figures AS (
    SELECT f.check_name, jsonb_agg(jsonb_build_object(
               'figure', f.figure, 'expected', CAST(f.expected AS text), 'stored', CAST(f.stored AS text)
           )) AS wrong
    FROM of_records AS r
    JOIN minerecon.daily_summaries AS s ON s.summary_date = :day
    CROSS JOIN LATERAL (VALUES
        ('payment_is_volume_times_price', 'payment_gbp', r.so_gbp, s.payment_gbp),
        ('payment_is_volume_times_price', 'all_bids_payment_gbp', r.all_gbp, s.all_bids_payment_gbp),
        ('net_is_paid_minus_refunded', 'payment_gbp', s.paid_gbp - s.refunded_gbp, s.payment_gbp),
        ('net_is_paid_minus_refunded', 'paid_gbp', r.paid_gbp, s.paid_gbp),
        ('net_is_paid_minus_refunded', 'refunded_gbp', r.refunded_gbp, s.refunded_gbp),
        ('signs_by_formula', 'paid_gbp', abs(s.paid_gbp), s.paid_gbp),
        ('signs_by_formula', 'refunded_gbp', abs(s.refunded_gbp), s.refunded_gbp),
        ('signs_by_formula', 'curtailed_mwh', abs(s.curtailed_mwh), s.curtailed_mwh),
        ('signs_by_formula', 'all_bids_mwh', abs(s.all_bids_mwh), s.all_bids_mwh)
    ) AS f (check_name, figure, expected, stored)
    WHERE f.expected IS DISTINCT FROM f.stored
    GROUP BY f.check_name
)
SELECT p.check_name,
       -- The records and the day that sums them; a day may have no records only if it says that it has none.
       CASE WHEN EXISTS (
           SELECT FROM minerecon.daily_summaries AS s
           WHERE s.summary_date = :day AND (r.record_count > 0 OR s.record_count = 0)
       ) THEN r.record_count + 1 ELSE 0 END AS looked_at,
       p.of_records || coalesce(f.wrong, '[]') AS violations,
       NULL AS note
FROM of_records AS r
CROSS JOIN LATERAL (VALUES
    ('payment_is_volume_times_price', r.wrong_payments),
    ('net_is_paid_minus_refunded', CAST('[]' AS jsonb)),
    ('signs_by_formula', r.wrong_signs)
) AS p (check_name, of_records)
LEFT JOIN figures AS f USING (check_name);
