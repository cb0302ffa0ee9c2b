-- Dagster's own storage: whether its tables are there, or may be made.
SELECT to_regclass('event_logs') IS NOT NULL AND to_regclass('runs') IS NOT NULL AS is_there,
       coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_make,
       coalesce(has_table_privilege(to_regclass('event_logs'), 'INSERT'), false) AS may_write,
       CAST(current_user AS text) AS works_as, current_database() AS name,
       current_setting('server_version') AS version;
