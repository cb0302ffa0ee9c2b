-- Record who has accepted a refused answer of the register, and what that changed; the others that wait are older news.
UPDATE minerecon.register_refusals
SET state = CASE WHEN payload_sha256 = :payload_sha256 THEN 'accepted' ELSE 'superseded' END,
    accepted_by = CASE WHEN payload_sha256 = :payload_sha256 THEN CAST(:accepted_by AS text) END,
    accepted_at = CASE WHEN payload_sha256 = :payload_sha256 THEN CAST(:now AS timestamptz) END,
    changes = CASE WHEN payload_sha256 = :payload_sha256 THEN CAST(:changes AS jsonb) END
WHERE state = 'waiting';
