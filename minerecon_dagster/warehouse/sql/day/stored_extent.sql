-- How much is stored of a day, on both bases: where the answers that it was built from are no more.
SELECT coalesce(sum(all_bids_mwh), 0) AS all_bids_mwh, coalesce(sum(curtailed_mwh), 0) AS curtailed_mwh,
       coalesce(sum(all_bids_paid_gbp + all_bids_refunded_gbp), 0) AS all_bids_gross_gbp,
       coalesce(sum(paid_gbp + refunded_gbp), 0) AS gross_gbp,
       CAST(count(*) AS numeric) AS bmu_count, CAST(count(*) FILTER (WHERE so_record_count > 0) AS numeric) AS so_bmu_count
FROM minerecon.unit_daily_summaries
WHERE settlement_date = :day;
