-- When all days were last looked at; no row where they never were.
SELECT evaluated_at FROM minerecon.reconciliation_latest
WHERE scope = 'all' AND check_family = :family
ORDER BY result_id DESC LIMIT 1;
