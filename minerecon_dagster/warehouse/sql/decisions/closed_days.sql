-- The days that a person has closed, oldest first.
SELECT settlement_date, reason, accepted_by FROM minerecon.unavailable_days ORDER BY settlement_date;
