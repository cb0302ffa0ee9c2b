-- Question: which days did Elexon change after they were over, when was it seen, and by how much?
-- Basis: SO-flagged; all accepted wind bids beside it. Units: MWh, GBP; change is of the SO-flagged energy (0.01 is a hundredth).
-- Source: both archive objects are kept: what Elexon said before, and what it says now.
-- Change: from_date, to_date (settlement dates). Without a change: all that is stored, the latest change first.
WITH params AS (
    SELECT coalesce(CAST(nullif(current_setting('minerecon.from_date', true), '') AS date),
                    (SELECT min(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS from_date,
           coalesce(CAST(nullif(current_setting('minerecon.to_date', true), '') AS date),
                    (SELECT max(summary_date) FROM minerecon.daily_summaries LIMIT 1)) AS to_date
)
SELECT r.settlement_date, r.detected_at, r.old_state,
       round(r.old_curtailed_mwh, 2) AS old_curtailed_mwh,
       round(r.new_curtailed_mwh, 2) AS new_curtailed_mwh,
       round(r.new_curtailed_mwh / nullif(r.old_curtailed_mwh, 0) - 1, 5) AS change,
       round(r.new_payment_gbp - r.old_payment_gbp, 2) AS payment_change_gbp,
       round(r.new_all_bids_mwh - r.old_all_bids_mwh, 2) AS all_bids_change_mwh,
       r.old_archive_uri, r.new_archive_uri, d.status AS status_now
FROM params AS p
JOIN minerecon.restatements AS r ON r.settlement_date BETWEEN p.from_date AND p.to_date
LEFT JOIN analytics.reconciliation_status AS d ON d.settlement_date = r.settlement_date
ORDER BY r.detected_at DESC, r.settlement_date DESC;
