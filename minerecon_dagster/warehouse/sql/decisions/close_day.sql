-- Close a day: that it is closed, and what it was built from, and then everything that is known of it goes, the figures
-- of daily_summaries with all that hangs on them. What was found of it before stays in reconciliation_results,
-- verifications and restatements, and its answers in the archive.
INSERT INTO minerecon.unavailable_days (settlement_date, reason, accepted_by, archive_uri, closed_at)
SELECT :day, :reason, :accepted_by,
       (SELECT archive_uri FROM minerecon.daily_summaries WHERE summary_date = :day), :now
ON CONFLICT (settlement_date) DO UPDATE SET
    reason = excluded.reason, accepted_by = excluded.accepted_by,
    archive_uri = coalesce(excluded.archive_uri, unavailable_days.archive_uri);
DELETE FROM minerecon.daily_summaries WHERE summary_date = :day;
DELETE FROM minerecon.bitcoin_difficulty WHERE settlement_date = :day;
DELETE FROM minerecon.calculation_reconciliation WHERE settlement_date = :day;
DELETE FROM minerecon.ingestion_progress WHERE settlement_date = :day;
DELETE FROM minerecon.reconciliation_latest WHERE scope = 'day' AND settlement_date = :day;
