-- What is stored of a day's turn-up estimate by fuel.
SELECT fuel, turn_up_mwh, turn_up_estimate_gbp, co2_t
FROM minerecon.turn_up_by_fuel_day
WHERE settlement_date = :day
ORDER BY fuel;
