-- Where and as whom a connection of ours works.
SELECT current_setting('server_version') AS version, CAST(current_setting('server_version_num') AS integer) AS number,
       current_database() AS name, CAST(session_user AS text) AS logged_in_as, CAST(current_user AS text) AS works_as;
