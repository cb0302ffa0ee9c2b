-- The days from :first_day to :last_day that are stored.
SELECT summary_date FROM minerecon.daily_summaries
WHERE summary_date BETWEEN :first_day AND :last_day
ORDER BY summary_date;
