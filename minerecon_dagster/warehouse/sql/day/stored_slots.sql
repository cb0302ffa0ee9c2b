-- The periods and sides of a day that have stored bids of an acceptance.
SELECT DISTINCT stack_side, settlement_period
FROM minerecon.curtailment_records
WHERE settlement_date = :day AND acceptance_id IS NOT NULL;
