-- A day is open again: nothing is stored of it, and it is missing.
DELETE FROM minerecon.unavailable_days WHERE settlement_date = :day;
