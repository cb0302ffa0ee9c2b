-- Whether a stored day has a turn-up estimate; no row where the day is not stored.
SELECT turn_up_mwh IS NOT NULL AS is_known
FROM minerecon.daily_summaries
WHERE summary_date = :day;
