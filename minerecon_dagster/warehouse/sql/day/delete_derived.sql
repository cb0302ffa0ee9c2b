-- Everything that is derived from the rows of a day's datasets, which go after it.
DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day;
DELETE FROM minerecon.unit_daily_summaries WHERE settlement_date = :day;
DELETE FROM minerecon.period_summaries WHERE settlement_date = :day;
DELETE FROM minerecon.turn_up_by_period WHERE settlement_date = :day;
DELETE FROM minerecon.turn_up_by_fuel_day WHERE settlement_date = :day;
