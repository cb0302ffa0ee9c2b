-- How many answers the latest attempt to fetch a day did not bring, and why the first of them did not come.
SELECT count(*) AS answers,
       (array_agg(coalesce(error, 'it did not come') ORDER BY settlement_period, stack_side))[1] AS first_error
FROM minerecon.ingestion_progress
WHERE settlement_date = :day AND (status = 'failed' OR (status <> 'unpublished' AND error IS NOT NULL));
