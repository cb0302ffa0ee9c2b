INSERT INTO minerecon.bitcoin_difficulty (settlement_date, difficulty, source_table)
VALUES (:day, :difficulty, :source_table)
ON CONFLICT (settlement_date) DO UPDATE SET difficulty = excluded.difficulty, source_table = excluded.source_table;
