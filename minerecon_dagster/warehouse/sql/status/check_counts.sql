-- How many properties of each of some days were looked at; a day that was never attempted has no row.
SELECT settlement_date, check_count FROM analytics.reconciliation_status WHERE settlement_date = ANY(:days);
