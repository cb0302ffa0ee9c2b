-- What is stored of a day's turn-up estimate by period.
SELECT settlement_period, target_mwh, turn_up_mwh, uncovered_mwh, turn_up_estimate_gbp, unflagged_mwh, wind_offers_mwh,
       unpriced_offer_rows, flagged_offers_mwh, flagged_offers_gbp
FROM minerecon.turn_up_by_period
WHERE settlement_date = :day
ORDER BY settlement_period;
