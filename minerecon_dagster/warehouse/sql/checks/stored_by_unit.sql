-- What is stored of a day per unit, on both bases; the last figure moves with the periods and sides of the rows.
SELECT bmu_id, count(*) AS row_count, sum(volume_mwh) AS volume_mwh, coalesce(sum(payment_gbp), 0) AS payment_gbp,
       count(*) FILTER (WHERE so_flag) AS so_row_count,
       coalesce(sum(volume_mwh) FILTER (WHERE so_flag), 0) AS so_volume_mwh,
       coalesce(sum(payment_gbp) FILTER (WHERE so_flag), 0) AS so_payment_gbp,
       sum(volume_mwh * (2 * settlement_period + CASE stack_side WHEN 'offer' THEN 1 ELSE 0 END)) AS placed_mwh
FROM minerecon.curtailment_records
WHERE settlement_date = :day
GROUP BY bmu_id
ORDER BY bmu_id;
