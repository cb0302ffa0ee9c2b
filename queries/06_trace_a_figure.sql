-- Question: where does a figure come from? A unit's day, traced to the acceptances, Elexon's answers and the fetch.
-- Basis: every accepted bid of the unit; the rows with so_flag add up to unit_curtailed_mwh and unit_payment_gbp.
-- Units: MWh, GBP per MWh, GBP. Source: archive_uri is the object that the day was built from, a ZIP; member the answer in it
-- (docs/operate/archive.md says how to open it); answer_sha256 the hash of the member, unpacked, and not of the ZIP;
-- sequence_number finds the row in it (sequenceNumber); fetched_at is when it was last seen so.
-- Change: day, bmu_id. Without a change: the most curtailed unit of the newest stored day that has curtailment.
WITH chosen AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.day', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries WHERE curtailed_mwh > 0 LIMIT 1)) AS day
), params AS (
    SELECT c.day,
           coalesce(nullif(current_setting('minerecon.bmu_id', true), ''),
                    (SELECT u.bmu_id FROM minerecon.unit_daily_summaries AS u WHERE u.settlement_date = c.day
                     ORDER BY u.curtailed_mwh DESC, u.bmu_id LIMIT 1)) AS bmu_id
    FROM chosen AS c
)
SELECT r.settlement_date, r.settlement_period, r.bmu_id, r.acceptance_id, r.bid_offer_pair_id, r.sequence_number,
       r.so_flag, r.volume_mwh, r.original_price_gbp_per_mwh, r.payment_gbp,
       u.curtailed_mwh AS unit_curtailed_mwh, u.payment_gbp AS unit_payment_gbp,
       r.elexon_created_at,
       s.archive_uri,
       'stack/' || r.stack_side || '/' || lpad(CAST(r.settlement_period AS text), 2, '0') || '.json' AS member,
       i.payload_sha256 AS answer_sha256, i.fetched_at, s.state AS day_state, s.is_synthetic
FROM params AS p
JOIN minerecon.curtailment_records AS r ON r.settlement_date = p.day AND r.bmu_id = p.bmu_id
JOIN minerecon.unit_daily_summaries AS u ON u.settlement_date = p.day AND u.bmu_id = p.bmu_id
JOIN minerecon.daily_summaries AS s ON s.summary_date = p.day
LEFT JOIN minerecon.ingestion_progress AS i
    ON i.settlement_date = p.day AND i.settlement_period = r.settlement_period AND i.stack_side = r.stack_side
    AND i.archive_uri = s.archive_uri
ORDER BY r.settlement_period, r.stack_side, r.sequence_number;
