-- The stored days from :first_day to :last_day, and whether each lacks a turn-up estimate although it is final and its
-- offers were fetched: it was built before there was such a thing.
SELECT s.summary_date AS settlement_date,
       s.is_final AND s.turn_up_mwh IS NULL AND EXISTS (
           SELECT FROM minerecon.ingestion_progress AS i
           WHERE i.settlement_date = s.summary_date AND i.stack_side = 'offer' AND i.status IN ('rows', 'empty')
       ) AS lacks_turn_up
FROM minerecon.daily_summaries AS s
WHERE s.summary_date BETWEEN :first_day AND :last_day
ORDER BY s.summary_date;
