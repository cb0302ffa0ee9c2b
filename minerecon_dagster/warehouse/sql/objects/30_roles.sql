-- The analysts' role: it may read both schemas, and owns nothing.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'minerecon_analyst') THEN
        CREATE ROLE minerecon_analyst NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION LOGIN;
    END IF;
END $$;
REVOKE ALL ON SCHEMA minerecon, analytics FROM PUBLIC;
GRANT USAGE ON SCHEMA minerecon, analytics TO minerecon_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA minerecon, analytics TO minerecon_analyst;
ALTER DEFAULT PRIVILEGES IN SCHEMA minerecon GRANT SELECT ON TABLES TO minerecon_analyst;
ALTER DEFAULT PRIVILEGES IN SCHEMA analytics GRANT SELECT ON TABLES TO minerecon_analyst;
