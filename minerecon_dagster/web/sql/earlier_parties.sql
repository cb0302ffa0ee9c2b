-- The lead parties with an accepted wind bid, of all days or of one.
SELECT DISTINCT lead_party_name FROM minerecon.unit_daily_summaries
WHERE lead_party_name IS NOT NULL
  AND (CAST(%(first)s AS date) IS NULL OR settlement_date BETWEEN %(first)s AND %(last)s)
ORDER BY 1;
