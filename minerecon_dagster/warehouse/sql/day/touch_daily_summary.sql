-- Say that a day's figures change, so that its month and year follow; returns the difficulty that they were made with,
-- and whether all of them were made by the present formula.
UPDATE minerecon.daily_summaries AS s SET built_at = :now
WHERE s.summary_date = :day
RETURNING (SELECT d.difficulty FROM minerecon.bitcoin_difficulty AS d WHERE d.settlement_date = :day) AS difficulty,
          NOT EXISTS (
              SELECT FROM minerecon.historical_bitcoin_calculations AS c
              WHERE c.settlement_date = :day AND c.formula_version <> :formula_version
          ) AS is_of_formula;
