-- Say that a day's figures change, so that its month and year follow; returns the difficulty they were made with.
UPDATE minerecon.daily_summaries AS s SET built_at = :now
WHERE s.summary_date = :day
RETURNING (SELECT d.difficulty FROM minerecon.bitcoin_difficulty AS d WHERE d.settlement_date = :day) AS difficulty;
