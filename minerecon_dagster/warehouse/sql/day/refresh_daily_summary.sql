-- A look that brought nothing new: only the state of the day may have changed with time.
UPDATE minerecon.daily_summaries
SET state = :state, periods_due = :periods_due, periods_present = :periods_present, built_at = :now
WHERE summary_date = :day
  AND (state, periods_due, periods_present) IS DISTINCT FROM (:state, :periods_due, :periods_present);
