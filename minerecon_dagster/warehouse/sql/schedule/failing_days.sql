-- The days that fail: their months and years wait for them.
SELECT settlement_date FROM analytics.reconciliation_status WHERE status = 'failing' ORDER BY settlement_date;
