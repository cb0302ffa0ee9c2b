-- The results of single units whose latest is red: name of the result.
SELECT check_name
FROM (
    SELECT DISTINCT ON (check_name) check_name, passed
    FROM minerecon.reconciliation_latest
    WHERE scope = 'all' AND check_family = :family AND starts_with(check_name, :prefix)
    ORDER BY check_name, result_id DESC
) AS latest
WHERE NOT passed
ORDER BY check_name;
