-- The wind output that is stored of a day.
SELECT settlement_period, wind_onshore_mw, wind_offshore_mw
FROM minerecon.wind_generation_data
WHERE settlement_date = :day;
