-- Elexon's control totals as they are stored of a day: accepted volumes in MWh, cashflows in GBP.
SELECT 'boav' AS kind, stack_side, bmu_id, volume_mwh AS amount, NULL AS gross
FROM minerecon.boav_control_totals
WHERE settlement_date = :day
UNION ALL
SELECT 'cashflows', stack_side, bmu_id, cashflow_gbp, gross_cashflow_gbp
FROM minerecon.ebocf_control_totals
WHERE settlement_date = :day;
