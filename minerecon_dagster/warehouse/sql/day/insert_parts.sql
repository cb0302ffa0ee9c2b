-- The day's sums per unit and per period, from its records and nothing else. Headline figures are of SO-flagged bids.
INSERT INTO minerecon.unit_daily_summaries (
    settlement_date, bmu_id, lead_party_name, $part_columns, period_count, so_period_count
)
SELECT settlement_date, bmu_id, min(lead_party_name), $part_of_records,
       count(DISTINCT settlement_period), count(DISTINCT settlement_period) FILTER (WHERE so_flag)
FROM minerecon.curtailment_records
WHERE settlement_date = :day
GROUP BY settlement_date, bmu_id;
INSERT INTO minerecon.period_summaries (
    settlement_date, settlement_period, $part_columns, bmu_count, so_bmu_count
)
SELECT settlement_date, settlement_period, $part_of_records,
       count(DISTINCT bmu_id), count(DISTINCT bmu_id) FILTER (WHERE so_flag)
FROM minerecon.curtailment_records
WHERE settlement_date = :day
GROUP BY settlement_date, settlement_period;
