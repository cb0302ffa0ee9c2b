-- The files that the export of each month has: one of either format for each view with days or months.
SELECT m.year_month, v.view_name,
       'exports/' || m.year_month || '/' || v.view_name || '.parquet' AS parquet_file,
       'exports/' || m.year_month || '/' || v.view_name || '.csv' AS csv_file,
       'exports/' || m.year_month || '/manifest.json' AS manifest_file,
       '/api/v1/' || r.path || '.csv?from=' || m.year_month || '&to=' || m.year_month || '&fields='
           || v.column_names AS csv_address,
       v.column_count, m.status, m.days_expected, m.days_present, m.days_final, m.is_complete, m.is_synthetic
FROM analytics.curtailment_by_month AS m
CROSS JOIN (
    SELECT CAST(c.relname AS text) AS view_name, count(*) AS column_count,
           string_agg(a.attname, ',' ORDER BY a.attnum) AS column_names
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE n.nspname = 'analytics' AND c.relkind IN ('v', 'm')
    GROUP BY c.oid
    HAVING bool_or((CAST(a.attname AS text), format_type(a.atttypid, a.atttypmod)) IN (
        ('settlement_date', 'date'), ('summary_date', 'date'), ('price_date', 'date'), ('year_month', 'text')
    ))
) AS v
LEFT JOIN unnest(CAST(%(relations)s AS text[]), CAST(%(paths)s AS text[])) AS r (relation, path)
    ON r.relation = 'analytics.' || v.view_name
WHERE m.days_present > 0 OR m.days_unavailable > 0
