-- The accepted wind bids that are stored of a day: what tells them apart, and what is compared.
SELECT settlement_period, stack_side, bmu_id, acceptance_id, bid_offer_pair_id, sequence_number,
       volume_mwh, original_price_gbp_per_mwh, final_price_gbp_per_mwh, so_flag, cadl_flag
FROM minerecon.curtailment_records
WHERE settlement_date = :day;
