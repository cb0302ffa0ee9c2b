-- Record that an answer was refused; one that waits already is only seen again.
INSERT INTO minerecon.register_refusals (
    payload_sha256, state, reason, unit_count, wind_unit_count, lost_unit_count, lost_capacity_mw, lost_units,
    archive_uri, first_seen_at, last_seen_at, is_synthetic
) VALUES (
    :payload_sha256, 'waiting', :reason, :unit_count, :wind_unit_count, :lost_unit_count, :lost_capacity_mw,
    CAST(:lost_units AS jsonb), :archive_uri, :seen_at, :seen_at, :is_synthetic
)
ON CONFLICT (payload_sha256) WHERE state = 'waiting'
DO UPDATE SET last_seen_at = excluded.last_seen_at, reason = excluded.reason,
              lost_unit_count = excluded.lost_unit_count, lost_capacity_mw = excluded.lost_capacity_mw,
              lost_units = excluded.lost_units;
