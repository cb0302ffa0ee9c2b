-- Roles of readers: the analysts', and whoever may become it and may not be the pipeline. What the functions look up is
-- kept in the session's caches, so that signals to their sessions need no catalog while somebody holds one.
SELECT r.oid, r.rolname, pg_has_role(r.oid, 'USAGE') AS may_look, pg_get_userbyid(r.oid)
FROM pg_roles AS r
WHERE NOT r.rolsuper AND pg_has_role(r.oid, 'minerecon_analyst', 'MEMBER')
  AND NOT pg_has_role(r.oid, 'minerecon_pipeline', 'MEMBER')
