-- Why a day is closed, and by whom; no row of a day that is open.
SELECT reason, accepted_by FROM minerecon.unavailable_days WHERE settlement_date = :day;
