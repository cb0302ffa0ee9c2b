-- Everything that is derived from a day's records; the day's own rows go with them.
DELETE FROM minerecon.historical_bitcoin_calculations WHERE settlement_date = :day;
DELETE FROM minerecon.curtailment_records WHERE settlement_date = :day;
DELETE FROM minerecon.wind_generation_data WHERE settlement_date = :day;
DELETE FROM minerecon.boav_control_totals WHERE settlement_date = :day;
DELETE FROM minerecon.ebocf_control_totals WHERE settlement_date = :day;
DELETE FROM minerecon.unit_daily_summaries WHERE settlement_date = :day;
DELETE FROM minerecon.period_summaries WHERE settlement_date = :day;
