-- What a stored day says of how much of it there is.
SELECT state, periods_expected, periods_due, periods_present
FROM minerecon.daily_summaries
WHERE summary_date = :day;
