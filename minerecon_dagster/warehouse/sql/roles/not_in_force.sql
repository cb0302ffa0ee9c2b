-- What is not (yet) as docs/operate/access.md promises it: each promise with the statements that keep it, in the order in which
-- they have to run. No row where everything holds. Only catalogs that everybody may read are looked at.
-- In a database without the schema minerecon, as template1, only what concerns the server and its functions.
-- The setting minerecon.worker names a login that is to be the pipeline, whether it may or not yet; it may be empty.
WITH here AS (
    SELECT CAST(to_regrole('minerecon_analyst') AS oid) AS analyst,
           CAST(to_regrole('minerecon_pipeline') AS oid) AS pipeline,
           CAST(to_regrole('minerecon_api') AS oid) AS api,
           CAST(to_regnamespace('minerecon') AS oid) AS tables,
           CAST(to_regnamespace('analytics') AS oid) AS views,
           d.oid AS database, d.datname, d.datdba, me.oid AS me,
           CAST(current_setting('server_version_num') AS int) >= 160000 AS knows_grantors
    FROM pg_database AS d CROSS JOIN pg_roles AS me
    WHERE d.datname = current_database() AND me.rolname = current_user
), named AS (
    -- What PUBLIC loses, every role that is neither ours nor an analyst's keeps by name.
    SELECT r.oid, r.rolname FROM pg_roles AS r CROSS JOIN here
    WHERE NOT r.rolsuper AND r.rolname !~ '^pg_' AND r.rolname NOT IN ('minerecon_analyst', 'minerecon_api', 'minerecon_pipeline')
      AND (NOT coalesce(pg_has_role(r.oid, analyst, 'MEMBER'), false)
           OR coalesce(pg_has_role(r.oid, pipeline, 'MEMBER'), false))
), others AS (
    -- Who has it by another's name needs none of his own, which would keep a login that was leased from being removed.
    -- The names become part of format strings.
    SELECT replace(string_agg(quote_ident(r.rolname), ', ' ORDER BY r.rolname), '%', '%%') AS names
    FROM named AS r WHERE NOT EXISTS (SELECT FROM named AS o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'USAGE'))
), readers AS (
    -- The analysts' role and whoever may become it: the read API's, and people's own. By MEMBER, since NOINHERIT hides
    -- nothing from SET ROLE. Whoever may be the pipeline is none, nor is an administrator, who may make roles.
    -- The first two are here before they are made, so that one script is enough.
    SELECT r.oid, r.rolname, r.rolconnlimit, r.oid = analyst AS is_shared, r.oid IS NOT DISTINCT FROM api AS is_api
    FROM pg_roles AS r CROSS JOIN here
    WHERE r.oid IN (analyst, api) OR pipeline IS NOT NULL AND r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolcreaterole
          AND pg_has_role(r.oid, analyst, 'MEMBER') AND NOT pg_has_role(r.oid, pipeline, 'MEMBER')
    UNION ALL SELECT NULL, 'minerecon_analyst', 10, true, false FROM here WHERE analyst IS NULL
    UNION ALL SELECT NULL, 'minerecon_api', 8, false, true FROM here WHERE api IS NULL
), workers AS (
    -- Who migrates, and whose the database is: they work as the pipeline. A superuser needs no leave for that.
    SELECT r.oid, r.rolname FROM pg_roles AS r CROSS JOIN here
    WHERE (r.oid IN (me, datdba) OR r.rolname = current_setting('minerecon.worker', true)) AND NOT r.rolsuper
), logins AS (
    -- Who logs in to be the pipeline, and nothing else: no owner of a database. A pool of connections hands sessions on
    -- to others: so what a session must have, its role brings.
    SELECT r.oid, r.rolname FROM pg_roles AS r CROSS JOIN here
    WHERE r.rolcanlogin AND NOT r.rolsuper AND NOT r.rolcreaterole AND r.oid <> me
      AND NOT EXISTS (SELECT FROM pg_database AS d WHERE pg_has_role(r.oid, d.datdba, 'MEMBER'))
      AND (r.rolname = current_setting('minerecon.worker', true) OR coalesce(pg_has_role(r.oid, pipeline, 'MEMBER'), false))
), logins_begin AS (
    SELECT l.rolname, w.name, w.value FROM logins AS l CROSS JOIN (VALUES
        ('role', 'minerecon_pipeline'), ('search_path', 'public'), ('TimeZone', 'UTC'),
        -- A worker whose host is gone gives its days up in a minute.
        ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')
    ) AS w (name, value)
    WHERE NOT EXISTS (
        SELECT FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c
        WHERE s.setrole = l.oid AND s.setdatabase = 0 AND c = concat(w.name, '=', w.value)
    )
), belongings AS (
    -- Schemas, tables, views, sequences and routines of ours, with the statement that hands each over to whom the database
    -- belongs: made by a superuser, or by a login that was leased and is to be removed, which its belongings forbid.
    SELECT n.nspowner AS owner, 1 AS rank, format('ALTER SCHEMA %I OWNER TO ', n.nspname) AS statement
    FROM pg_namespace AS n JOIN here ON n.oid IN (tables, views)
    UNION ALL
    -- A sequence of a column goes with its table.
    SELECT c.relowner, 2, format('ALTER TABLE %s OWNER TO ', CAST(c.oid AS regclass))
    FROM pg_class AS c JOIN here ON c.relnamespace IN (tables, views)
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
       OR c.relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')
                                            AND d.classid = 'pg_class'::regclass)
    UNION ALL
    SELECT p.proowner, 3, format('ALTER ROUTINE %s OWNER TO ', CAST(p.oid AS regprocedure))
    FROM pg_proc AS p JOIN here ON p.pronamespace IN (tables, views)
), relations AS (
    SELECT c.oid, CAST(CAST(c.oid AS regclass) AS text) AS name, c.relkind, c.relnamespace = tables AS is_ours,
           c.relname = 'alembic_version' AS is_revision
    FROM pg_class AS c CROSS JOIN here
    WHERE c.relnamespace IN (tables, views) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), relation_rights AS (
    SELECT r.*, x.grantee, x.privilege_type
    FROM relations AS r JOIN pg_class AS c USING (oid)
    CROSS JOIN LATERAL aclexplode(
        coalesce(c.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))
    ) AS x
), guarded AS (
    -- Functions by which a reader could write, or hold others up.
    SELECT p.oid, CAST(CAST(p.oid AS regprocedure) AS text) AS name, x.grantee
    FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND x.privilege_type = 'EXECUTE'
      AND (p.proname ~ '^(lo_|pg_(try_)?advisory_)' OR p.proname IN ('loread', 'lowrite', 'pg_logical_emit_message'))
), defaults AS (
    SELECT name, value FROM (VALUES
        ('default_transaction_read_only', 'on'), ('statement_timeout', '60s'),
        ('idle_in_transaction_session_timeout', '10min'), ('idle_session_timeout', '1h'), ('temp_file_limit', '2GB')
    ) AS wanted (name, value)
), settings AS (
    SELECT s.setrole, s.setdatabase, split_part(c, '=', 1) AS name, substr(c, strpos(c, '=') + 1) AS value
    FROM pg_db_role_setting AS s CROSS JOIN LATERAL unnest(s.setconfig) AS c
    WHERE s.setrole IN (SELECT oid FROM readers)
), strangers AS (
    -- Of the shared role every setting is ours; a person's own role may have others, which harm nobody else.
    SELECT s.setdatabase FROM settings AS s JOIN readers AS r ON r.oid = s.setrole AND is_shared
    WHERE s.setdatabase <> 0 OR s.name NOT IN (SELECT name FROM defaults)
), wall AS (
    -- Locks are taken before rights are looked at: who waits for a lock that he will not be given holds up everybody
    -- behind him. This stands before the lock. Names are written with their schema, since the search path is his.
    SELECT '
BEGIN
    IF pg_catalog.pg_has_role(session_user, CAST(pg_catalog.to_regrole(''minerecon_analyst'') AS oid), ''MEMBER'')
       AND NOT pg_catalog.pg_has_role(session_user, CAST(pg_catalog.to_regrole(''minerecon_pipeline'') AS oid), ''MEMBER'')
    THEN
        RAISE EXCEPTION USING ERRCODE = ''42501'', MESSAGE = ''permission denied: a reader makes and changes nothing'',
            DETAIL = pg_catalog.concat(''Members of minerecon_analyst are refused '', tg_tag);
    END IF;
END' AS body
), database_rights AS (
    SELECT d.oid, d.datname, x.grantee, x.privilege_type
    FROM pg_database AS d CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS x
    WHERE d.datallowconn
), makers AS (
    -- Who may make tables in either schema, but for superusers, who may anything anywhere; whoever looks among them, if he
    -- may: a login that is the pipeline and nothing else makes none, and gives nobody rights to any.
    SELECT DISTINCT r.oid, r.rolname, n.nspname, n.oid AS namespace
    FROM pg_namespace AS n CROSS JOIN here
    CROSS JOIN LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) AS x
    JOIN pg_roles AS r ON r.oid IN (x.grantee, n.nspowner, me)
    WHERE n.oid IN (tables, views)
      AND (r.oid = n.nspowner OR r.oid = x.grantee AND x.privilege_type = 'CREATE'
           OR r.oid = me AND has_schema_privilege(me, n.oid, 'CREATE'))
      AND r.oid IS DISTINCT FROM analyst AND r.oid IS DISTINCT FROM pipeline
), to_come AS (
    SELECT m.rolname, m.nspname, w.grantee, w.privileges, w.kind,
           (SELECT count(*) FROM pg_default_acl AS a CROSS JOIN LATERAL aclexplode(a.defaclacl) AS x
            WHERE a.defaclrole = m.oid AND a.defaclnamespace = m.namespace
              AND a.defaclobjtype = CASE w.kind WHEN 'TABLES' THEN 'r'::"char" ELSE 'S'::"char" END
              AND x.grantee = to_regrole(w.grantee)
              AND x.privilege_type = ANY(string_to_array(w.privileges, ', '))) AS found
    FROM makers AS m JOIN (VALUES
        ('minerecon', 'minerecon_analyst', 'SELECT', 'TABLES'), ('analytics', 'minerecon_analyst', 'SELECT', 'TABLES'),
        ('minerecon', 'minerecon_pipeline', 'SELECT, INSERT, UPDATE, DELETE', 'TABLES'),
        ('analytics', 'minerecon_pipeline', 'SELECT', 'TABLES'),
        ('minerecon', 'minerecon_pipeline', 'USAGE', 'SEQUENCES')
    ) AS w (nspname, grantee, privileges, kind) USING (nspname)
), found (step, promise, statement) AS (
    -- The roles themselves.
    SELECT 10, 'there is a role for analysts', 'CREATE ROLE minerecon_analyst LOGIN CONNECTION LIMIT 10'
    FROM here WHERE analyst IS NULL
    UNION ALL
    SELECT 10, 'there is a role for the pipeline', 'CREATE ROLE minerecon_pipeline NOLOGIN'
    FROM here WHERE pipeline IS NULL
    UNION ALL
    SELECT 10, 'there is a role for the read API', 'CREATE ROLE minerecon_api LOGIN CONNECTION LIMIT 8'
    FROM here WHERE api IS NULL
    UNION ALL
    SELECT 11, format('%I has no right over the server', r.rolname), format('ALTER ROLE %I', r.rolname) || x.attributes
    FROM pg_roles AS r JOIN here ON r.oid IN (analyst, pipeline, api)
    CROSS JOIN LATERAL concat(
        CASE WHEN rolsuper THEN ' NOSUPERUSER' END, CASE WHEN rolcreatedb THEN ' NOCREATEDB' END,
        CASE WHEN rolcreaterole THEN ' NOCREATEROLE' END, CASE WHEN rolreplication THEN ' NOREPLICATION' END,
        CASE WHEN rolbypassrls THEN ' NOBYPASSRLS' END,
        CASE WHEN r.oid = pipeline AND rolcanlogin THEN ' NOLOGIN' END
    ) AS x (attributes)
    WHERE x.attributes <> ''
    UNION ALL
    SELECT 11, format('%I opens no more than %s sessions at once', rolname, most),
           format('ALTER ROLE %I CONNECTION LIMIT %s', rolname, most)
    FROM readers CROSS JOIN LATERAL (SELECT CASE WHEN is_shared THEN 10 WHEN is_api THEN 8 ELSE 3 END AS most) AS m
    WHERE rolconnlimit < 0
    UNION ALL
    SELECT 12, 'the analysts'' role has the rights of no other',
           format('REVOKE %s FROM minerecon_analyst', CAST(m.roleid AS regrole))
           || CASE WHEN knows_grantors THEN format(' GRANTED BY %s', CAST(m.grantor AS regrole)) ELSE '' END
    FROM pg_auth_members AS m JOIN here ON m.member = analyst
    UNION ALL
    SELECT 13, 'the pipeline sees and ends the sessions of analysts', 'GRANT minerecon_analyst TO minerecon_pipeline'
    FROM here WHERE NOT coalesce(pg_has_role(pipeline, analyst, 'USAGE'), false)
    UNION ALL
    SELECT 13, 'the read API reads what analysts read', 'GRANT minerecon_analyst TO minerecon_api'
    FROM here WHERE NOT coalesce(pg_has_role(api, analyst, 'USAGE'), false)
    UNION ALL
    SELECT 13, format('the pipeline sees and ends the sessions of %I', rolname),
           format('GRANT %I TO minerecon_pipeline', rolname)
    FROM readers CROSS JOIN here WHERE NOT is_shared AND NOT coalesce(pg_has_role(pipeline, oid, 'USAGE'), false)
    UNION ALL
    SELECT 14, format('%I works as the pipeline', w.rolname), format('GRANT minerecon_pipeline TO %I', w.rolname)
    FROM workers AS w CROSS JOIN here
    WHERE NOT coalesce(pg_has_role(w.oid, pipeline, CASE WHEN knows_grantors THEN 'SET' ELSE 'MEMBER' END), false)
    UNION ALL
    SELECT 15, 'the analysts'' role owns nothing', format('REASSIGN OWNED BY minerecon_analyst TO %I', current_user)
    FROM here WHERE EXISTS (
        SELECT FROM pg_shdepend AS s
        WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = analyst AND s.deptype = 'o'
          AND s.dbid IN (0, database)
    )
    UNION ALL
    SELECT 16, format('what the warehouse is made of belongs to %I, as the database does', o.rolname),
           string_agg(concat(b.statement, quote_ident(o.rolname)), '; ' ORDER BY b.rank, b.statement)
    FROM belongings AS b CROSS JOIN here JOIN pg_roles AS o ON o.oid = datdba WHERE b.owner <> datdba GROUP BY o.rolname
    UNION ALL
    SELECT 17, format('%I is the pipeline from its first statement on, whatever stands between it and the server', rolname),
           format('ALTER ROLE %I SET %s = %L', rolname, name, value)
    FROM logins_begin
    -- Comfort, but for the temporary files: a reader may change these for himself, and gets them back with the next upgrade.
    UNION ALL
    SELECT 20, 'analysts begin with the time-outs of docs/operate/access.md', 'ALTER ROLE minerecon_analyst RESET ALL'
    WHERE EXISTS (SELECT FROM strangers WHERE setdatabase = 0)
    UNION ALL
    SELECT 20, 'analysts begin with the time-outs of docs/operate/access.md',
           format('ALTER ROLE minerecon_analyst IN DATABASE %I RESET ALL', d.datname)
    FROM pg_database AS d WHERE d.oid IN (SELECT setdatabase FROM strangers)
    UNION ALL
    SELECT 20, format('%I begins with the limits of docs/operate/access.md', r.rolname),
           format('ALTER ROLE %I IN DATABASE %I RESET %s', r.rolname, d.datname, s.name)
    FROM readers AS r JOIN settings AS s ON s.setrole = r.oid JOIN pg_database AS d ON d.oid = s.setdatabase
    WHERE NOT is_shared AND s.name IN (SELECT name FROM defaults)
    UNION ALL
    SELECT 21, CASE WHEN w.name = 'temp_file_limit' THEN format('a query of %I fills no disk', r.rolname)
                    WHEN is_shared THEN 'analysts begin with the time-outs of docs/operate/access.md'
                    ELSE format('%I begins with the limits of docs/operate/access.md', r.rolname) END,
           format('ALTER ROLE %I SET %s = %L', r.rolname, w.name, w.value)
    FROM readers AS r CROSS JOIN defaults AS w
    -- The read API keeps its connections.
    WHERE NOT (is_api AND w.name = 'idle_session_timeout')
      AND (NOT EXISTS (SELECT FROM settings AS s
                       WHERE s.setrole = r.oid AND s.setdatabase = 0 AND (s.name, s.value) = (w.name, w.value))
           OR is_shared AND EXISTS (SELECT FROM strangers WHERE setdatabase = 0))
    -- Databases.
    UNION ALL
    SELECT 30, format('only roles that are named enter the database %I', datname),
           format(coalesce('GRANT %1$s ON DATABASE %2$I TO ' || names || '; ', '')
                  || 'REVOKE %1$s ON DATABASE %2$I FROM PUBLIC',
                  string_agg(privilege_type, ', ' ORDER BY privilege_type), datname)
    FROM database_rights CROSS JOIN others WHERE grantee = 0 GROUP BY datname, names
    UNION ALL
    SELECT 31, 'analysts make no temporary table',
           format('REVOKE %s ON DATABASE %I FROM minerecon_analyst', string_agg(privilege_type, ', '), datname)
    FROM database_rights JOIN here USING (datname) WHERE grantee = analyst AND privilege_type <> 'CONNECT' GROUP BY datname
    UNION ALL
    SELECT 32, 'analysts enter the warehouse', format('GRANT CONNECT ON DATABASE %I TO minerecon_analyst', datname)
    FROM here WHERE tables IS NOT NULL AND NOT EXISTS (
        SELECT FROM database_rights AS r WHERE r.oid = database AND r.grantee = analyst AND r.privilege_type = 'CONNECT'
    )
    UNION ALL
    SELECT 33, 'the pipeline enters the warehouse, and makes temporary tables',
           format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO minerecon_pipeline', datname)
    FROM here WHERE tables IS NOT NULL AND 2 <> (
        SELECT count(*) FROM database_rights AS r
        WHERE r.oid = database AND r.grantee = pipeline AND r.privilege_type IN ('CONNECT', 'TEMPORARY')
    )
    -- Functions. An advisory lock of a reader could hold up an upgrade, a large object fill the disk.
    UNION ALL
    SELECT 40, 'analysts take no advisory lock, and write no large object and no message into the log',
           format('GRANT EXECUTE ON FUNCTION %1$s TO ' || concat_ws(', ', 'pg_database_owner', names) || '; '
                  || 'REVOKE EXECUTE ON FUNCTION %1$s FROM PUBLIC', string_agg(name, ', ' ORDER BY name))
    FROM guarded CROSS JOIN others WHERE grantee = 0 GROUP BY names
    UNION ALL
    SELECT 41, 'analysts take no advisory lock, and write no large object and no message into the log',
           format('REVOKE EXECUTE ON FUNCTION %s FROM minerecon_analyst', string_agg(name, ', ' ORDER BY name))
    FROM guarded JOIN here ON grantee = analyst GROUP BY grantee
    UNION ALL
    SELECT 42, 'the pipeline, and whoever owns the database, takes advisory locks',
           format('GRANT EXECUTE ON FUNCTION %s TO minerecon_pipeline, pg_database_owner',
                  string_agg(DISTINCT name, ', ' ORDER BY name))
    FROM guarded AS g CROSS JOIN here
    WHERE name ~ '^pg_(try_)?advisory_'
      AND (SELECT count(*) FROM guarded AS o
           WHERE o.oid = g.oid AND o.grantee IN (pipeline, CAST(to_regrole('pg_database_owner') AS oid))) < 2
    HAVING count(*) > 0
    UNION ALL
    -- A function is everybody's when it is made: one that works with its owner's rights would lend them to a reader.
    SELECT 43, format('no reader works with the rights of whoever owns %s', routine),
           format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC, minerecon_analyst', routine)
    FROM pg_proc AS p CROSS JOIN here CROSS JOIN LATERAL (SELECT CAST(CAST(p.oid AS regprocedure) AS text)) AS r (routine)
    WHERE p.pronamespace IN (tables, views) AND p.prosecdef
      AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x
                  WHERE x.grantee IN (0, analyst) AND x.privilege_type = 'EXECUTE')
    -- Schemas, tables and sequences, those to come included.
    UNION ALL
    SELECT 50, format('only roles that are named use the schema %I', nspname),
           format('REVOKE ALL ON SCHEMA %I FROM PUBLIC', nspname)
    FROM pg_namespace AS n JOIN here ON n.oid IN (tables, views)
    WHERE EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = 0)
    UNION ALL
    SELECT 50, format('nobody makes tables in the schema %I unless he is named', nspname),
           format(coalesce('GRANT CREATE ON SCHEMA %1$I TO ' || names || '; ', '')
                  || 'REVOKE CREATE ON SCHEMA %1$I FROM PUBLIC', nspname)
    FROM pg_namespace AS n CROSS JOIN here CROSS JOIN others
    WHERE tables IS NOT NULL AND n.oid NOT IN (tables, views) AND nspname !~ '^pg_'
      AND EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'CREATE')
    UNION ALL
    SELECT 51, format('analysts make nothing in the schema %I', nspname),
           format('REVOKE CREATE ON SCHEMA %I FROM minerecon_analyst', nspname)
    FROM pg_namespace AS n CROSS JOIN here
    WHERE EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = analyst AND x.privilege_type = 'CREATE')
    UNION ALL
    SELECT 52, format('the pipeline makes nothing in the schema %I', nspname),
           format('REVOKE CREATE ON SCHEMA %I FROM minerecon_pipeline', nspname)
    FROM pg_namespace AS n JOIN here ON n.oid IN (tables, views)
    WHERE EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = pipeline AND x.privilege_type = 'CREATE')
    UNION ALL
    SELECT 53, format('analysts and the pipeline use the schema %I', nspname),
           format('GRANT USAGE ON SCHEMA %I TO minerecon_analyst, minerecon_pipeline', nspname)
    FROM pg_namespace AS n JOIN here ON n.oid IN (tables, views)
    WHERE NOT coalesce(has_schema_privilege(analyst, n.oid, 'USAGE') AND has_schema_privilege(pipeline, n.oid, 'USAGE'), false)
    UNION ALL
    SELECT 60, 'analysts and the pipeline read all tables and views',
           format('GRANT SELECT ON %s TO minerecon_analyst, minerecon_pipeline', string_agg(name, ', ' ORDER BY name))
    FROM relations CROSS JOIN here
    WHERE relkind <> 'S'
      AND NOT coalesce(has_table_privilege(analyst, oid, 'SELECT') AND has_table_privilege(pipeline, oid, 'SELECT'), false)
    HAVING count(*) > 0
    UNION ALL
    SELECT 61, 'the pipeline changes the data',
           format('GRANT INSERT, UPDATE, DELETE ON %s TO minerecon_pipeline', string_agg(name, ', ' ORDER BY name))
    FROM relations CROSS JOIN here
    WHERE is_ours AND relkind IN ('r', 'p') AND NOT is_revision
      AND NOT coalesce(has_table_privilege(pipeline, oid, 'INSERT') AND has_table_privilege(pipeline, oid, 'UPDATE')
                       AND has_table_privilege(pipeline, oid, 'DELETE'), false)
    HAVING count(*) > 0
    UNION ALL
    SELECT 62, 'the pipeline draws numbers from the sequences',
           format('GRANT USAGE ON SEQUENCE %s TO minerecon_pipeline', string_agg(name, ', ' ORDER BY name))
    FROM relations CROSS JOIN here
    -- CASE: a sequence's rights must not be asked of a table, in whatever order the planner looks.
    WHERE is_ours AND CASE relkind WHEN 'S' THEN NOT coalesce(has_sequence_privilege(pipeline, oid, 'USAGE'), false) END
    HAVING count(*) > 0
    UNION ALL
    SELECT 63, 'analysts change nothing',
           format('REVOKE %s ON %s FROM PUBLIC, minerecon_analyst', string_agg(DISTINCT privilege_type, ', '), name)
    FROM relation_rights CROSS JOIN here
    WHERE grantee IN (0, analyst) AND privilege_type <> 'SELECT' GROUP BY name
    UNION ALL
    SELECT 64, 'the pipeline changes data, and not the schema',
           format('REVOKE %s ON %s FROM minerecon_pipeline', string_agg(DISTINCT privilege_type, ', '), name)
    FROM relation_rights CROSS JOIN here
    WHERE grantee = pipeline AND relkind <> 'S'
      AND (privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
           OR privilege_type <> 'SELECT' AND (is_revision OR NOT is_ours))
    GROUP BY name
    UNION ALL
    SELECT 70, format('%s that %I makes in %I are at once what others are to analysts and the pipeline',
                      lower(kind), rolname, nspname),
           format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I GRANT %s ON %s TO %s',
                  rolname, nspname, privileges, kind, grantee)
    FROM to_come WHERE found < cardinality(string_to_array(privileges, ', '))
    -- Who may replace the function could have a superuser run what he likes: it is his who owns the trigger, and is made anew.
    UNION ALL
    SELECT 80, 'a reader is refused before any lock is taken',
           'DROP EVENT TRIGGER IF EXISTS minerecon_readers_make_nothing;
DROP FUNCTION IF EXISTS minerecon_guard.refuse_readers();
CREATE SCHEMA IF NOT EXISTS minerecon_guard;
CREATE FUNCTION minerecon_guard.refuse_readers() RETURNS event_trigger LANGUAGE plpgsql AS $wall$' || body || '$wall$;
CREATE EVENT TRIGGER minerecon_readers_make_nothing ON ddl_command_start EXECUTE FUNCTION minerecon_guard.refuse_readers()'
    FROM wall WHERE NOT EXISTS (
        SELECT FROM pg_event_trigger AS e JOIN pg_proc AS p ON p.oid = e.evtfoid
        WHERE e.evtname = 'minerecon_readers_make_nothing' AND e.evtevent = 'ddl_command_start' AND e.evttags IS NULL
          AND e.evtenabled IN ('O', 'A') AND p.proowner = e.evtowner AND p.prosrc = body
    )
)
SELECT promise, statement FROM found ORDER BY step, statement;
