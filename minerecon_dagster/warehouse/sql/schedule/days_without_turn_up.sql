-- The oldest :most final days from :first_day until before :today that lack a turn-up estimate although their offers were
-- fetched: they are built again from the archive.
SELECT s.summary_date
FROM minerecon.daily_summaries AS s
WHERE s.is_final AND s.turn_up_mwh IS NULL AND s.summary_date >= :first_day AND s.summary_date < :today
  AND EXISTS (
      SELECT FROM minerecon.ingestion_progress AS i
      WHERE i.settlement_date = s.summary_date AND i.stack_side = 'offer' AND i.status IN ('rows', 'empty')
  )
ORDER BY s.summary_date
LIMIT :most;
