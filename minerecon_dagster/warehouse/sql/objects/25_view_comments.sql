-- What each column of the views means, in which unit, and where it is from. A quantity has one name in all views, so it
-- is described once; a column that means something else in one view is described for that view ('view.column').
DO $$
DECLARE
    described record;
BEGIN
    FOR described IN
        SELECT c.relname AS view_name, a.attname AS column_name,
               coalesce(
                   max(d.meaning) FILTER (WHERE d.name = c.relname || '.' || a.attname),
                   max(d.meaning) FILTER (WHERE d.name = a.attname)
               ) AS meaning
        FROM (VALUES
            -- What a row is of.
            ('settlement_date', 'Settlement date: a Europe/London calendar day.'),
            ('settlement_period', 'Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.'),
            ('start_time', 'UTC start of the settlement period.'),
            ('london_time', 'Start of the settlement period by a clock in London (no time zone): an hour stands twice when the clocks go back.'),
            ('year_month', 'Calendar month, as in 2025-03.'),
            ('bmu_id', 'BM unit, as in T_SGRWO-1. From Elexon''s register.'),
            ('unit_name', 'Name of the unit in Elexon''s register.'),
            ('curtailment_by_unit_day.unit_name', 'Name of the unit in the version of Elexon''s register that was in force on the day.'),
            ('farm_name', 'Wind farm of the unit, as in analytics.wind_farms.'),
            ('wind_farms.farm_name', 'Wind farm: the stem of the unit''s register name, or a reviewed exception.'),
            ('lead_party_name', 'Lead party of the unit, from the register version in force on the day.'),
            ('wind_farms.lead_party_name', 'Lead party in the latest version of Elexon''s register.'),
            ('curtailment_by_lead_party_month.lead_party_name', 'Lead party, from the register version in force on each day; "(not in the register)" where there is none.'),
            ('lead_party_names', 'Lead parties of the farm''s units on the day, in alphabetical order.'),
            ('miner_model', 'Miner model, as in miner_models.'),
            -- SO-flagged: the headline.
            ('curtailed_mwh', 'Headline: SO-flagged curtailed energy, in MWh. From curtailment_records.'),
            ('paid_gbp', 'Paid to farms for SO-flagged energy, in GBP, not negative. Bid volume × original price, where above 0.'),
            ('refunded_gbp', 'Paid by farms for SO-flagged energy, in GBP, not negative. Bid volume × original price, where below 0.'),
            ('payment_gbp', 'Net payment to farms for SO-flagged energy, in GBP: paid − refunded. Below 0 the farms paid.'),
            ('unpriced_mwh', 'SO-flagged energy without a price, in MWh: in no payment.'),
            ('payment_gbp_per_mwh', 'Net payment per SO-flagged MWh that has a price, in GBP/MWh; NULL where there is none.'),
            ('share_of_curtailed', 'SO-flagged energy over that of all wind farms in the same day or month (0 to 1); NULL where that is 0.'),
            ('curtailed_share', 'SO-flagged energy over generated plus SO-flagged (0 to 1): the share of potential output that was lost; NULL where the output is not known.'),
            ('record_count', 'Accepted wind bids, any flag.'),
            ('so_record_count', 'SO-flagged wind bids.'),
            ('bmu_count', 'BM units with an accepted wind bid, any flag.'),
            ('so_bmu_count', 'BM units with an SO-flagged wind bid.'),
            ('period_count', 'Settlement periods of the day in which the unit had an accepted bid, any flag.'),
            ('so_period_count', 'Settlement periods of the day in which the unit had an SO-flagged bid.'),
            ('day_count', 'Days of the month on which a unit of the party had an accepted bid, any flag.'),
            -- All accepted bids.
            ('all_bids_mwh', 'Energy of all accepted wind bids, any flag, in MWh. From curtailment_records.'),
            ('all_bids_paid_gbp', 'Paid to farms for all accepted wind bids, in GBP, not negative.'),
            ('all_bids_refunded_gbp', 'Paid by farms for all accepted wind bids, in GBP, not negative.'),
            ('all_bids_payment_gbp', 'Net payment to farms for all accepted wind bids, in GBP: paid − refunded.'),
            ('all_bids_unpriced_mwh', 'Energy of all accepted wind bids without a price, in MWh: in no payment.'),
            ('all_bids_payment_gbp_per_mwh', 'Net payment per MWh of all accepted wind bids that has a price, in GBP/MWh; NULL where there is none.'),
            ('share_of_all_bids', 'Energy of all accepted bids over that of all wind farms in the same day or month (0 to 1); NULL where that is 0.'),
            ('all_bids_share', 'Energy of all accepted bids over generated plus that energy (0 to 1); NULL where the output is not known.'),
            -- Wind output.
            ('wind_generation_mwh', 'Wind output in MWh, onshore and offshore; NULL where it is not known of the whole. From Elexon''s AGWS (wind_generation_data).'),
            ('wind_onshore_mwh', 'Onshore wind output in MWh; NULL where it is not known of the whole day. From Elexon''s AGWS.'),
            ('wind_offshore_mwh', 'Offshore wind output in MWh; NULL where it is not known of the whole day. From Elexon''s AGWS.'),
            -- Bitcoin.
            ('mined_btc', 'Bitcoin that the SO-flagged energy could have mined on the model, in BTC. From historical_bitcoin_calculations.'),
            ('btc_per_mwh', 'Bitcoin per SO-flagged MWh, in BTC/MWh; NULL where nothing was curtailed.'),
            ('all_bids_mined_btc', 'Bitcoin that the energy of all accepted bids could have mined on the model, in BTC: minerecon.mined_btc at the day''s difficulty and subsidy.'),
            ('all_bids_btc_per_mwh', 'Bitcoin per MWh of all accepted bids, in BTC/MWh; NULL where there was none.'),
            ('difficulty', 'Network difficulty that the day was computed with. From bitcoin_difficulty.'),
            ('lowest_difficulty', 'Lowest network difficulty of the month''s days.'),
            ('highest_difficulty', 'Highest network difficulty of the month''s days.'),
            ('block_subsidy_btc', 'Block subsidy in force at the start of the day, in BTC. From block_subsidies.'),
            ('lowest_block_subsidy_btc', 'Lowest block subsidy at the start of one of the month''s days, in BTC.'),
            ('has_halving', 'Whether the block subsidy halved within the day: each period was computed with its own.'),
            ('mining_potential_by_month.has_halving', 'Whether the block subsidy halved within a day of the month.'),
            ('price_gbp', 'Price of one Bitcoin at the end of the UTC day of that date, in GBP; NULL where it is not known. From bitcoin_price_gbp.'),
            ('price_source', 'Where the price is from.'),
            ('value_gbp', 'mined_btc × price_gbp, in GBP; NULL without a price.'),
            ('mining_potential_by_month.value_gbp', 'Value of each day''s Bitcoin at its own price, in GBP, of the days that have a price (days_priced); NULL where none has.'),
            ('value_gbp_per_mwh', 'value_gbp per SO-flagged MWh of the days that have a price, in GBP/MWh.'),
            ('priced_days_payment_gbp', 'payment_gbp of the days that have a price, in GBP: what value_gbp is to be compared with.'),
            ('value_less_payment_gbp', 'value_gbp less what was paid to stop (payment_gbp of the same days), in GBP: above 0 the Bitcoin was worth more.'),
            ('break_even_price_gbp', 'The price of one Bitcoin at which it is worth what was paid to stop, in GBP: payment_gbp / mined_btc. Below 0 where farms paid; NULL where nothing was curtailed.'),
            ('all_bids_value_gbp', 'all_bids_mined_btc at the day''s price, in GBP, of the days that have a price; NULL where none has.'),
            ('all_bids_value_less_payment_gbp', 'all_bids_value_gbp less all_bids_payment_gbp of the same days, in GBP.'),
            ('all_bids_break_even_price_gbp', 'all_bids_payment_gbp / all_bids_mined_btc, in GBP per BTC; NULL where there was no bid.'),
            ('days_priced', 'Days of the month that are there and have a price: what value_gbp is of.'),
            ('priced_coverage', 'days_priced over days_expected (0 to 1).'),
            -- State and completeness.
            ('coverage', 'How much of the day is there: periods_present / periods_expected (0 to 1). Below 1 the figures may be too low; at 0 they are NULL.'),
            ('curtailment_by_period.coverage', 'Whether the period is there: 1, or the share of the sides of the stack (bid, offer) that are; below 1 a figure is NULL or may be too low.'),
            ('settlement_months.coverage', 'How much of the month is there: days_present / days_expected (0 to 1).'),
            ('curtailment_by_month.coverage', 'How much of the month is there: days_present / days_expected (0 to 1). At 0 the figures are NULL.'),
            ('curtailment_by_lead_party_month.coverage', 'How much of the month is there: days_present / days_expected (0 to 1). At 0 the figures are NULL.'),
            ('mining_potential_by_month.coverage', 'How much of the month is there: days_present / days_expected (0 to 1). At 0 the figures are NULL.'),
            ('periods_expected', 'Settlement periods of the day by the calendar: 46, 48 or 50.'),
            ('periods_present', 'Settlement periods that are there: with rows, or known to be empty, on every side; 0 of a missing day.'),
            ('day_state', 'final, provisional (may change), incomplete (periods missing) or unavailable (closed by a person); NULL of a missing day. From daily_summaries and unavailable_days.'),
            ('status', 'The state of the day in one word, checks included: complete, warned, waived, provisional, incomplete, failing, missing or unavailable (closed by a person). From analytics.reconciliation_status.'),
            ('settlement_months.status', 'The worst status among the month''s days; provisional where the month is not over. From analytics.reconciliation_status.'),
            ('curtailment_by_month.status', 'The worst status among the month''s days; provisional where the month is not over. From analytics.reconciliation_status.'),
            ('curtailment_by_lead_party_month.status', 'The worst status among the month''s days; provisional where the month is not over. From analytics.reconciliation_status.'),
            ('mining_potential_by_month.status', 'The worst status among the month''s days; provisional where the month is not over. From analytics.reconciliation_status.'),
            ('is_final', 'Whether the day is final; false of a missing day.'),
            ('is_stored', 'Whether the day is stored; false: it is missing.'),
            ('is_synthetic', 'True where the data are the bundled sample''s, made up, and not Elexon''s.'),
            ('days_expected', 'Calendar days of the month.'),
            ('days_present', 'Days of the month that are stored, and in the sums; the others are missing.'),
            ('days_final', 'Days of the month that are final.'),
            ('days_unavailable', 'Days of the month that a person has closed: they are in no sum, and will not be.'),
            ('is_complete', 'Whether every calendar day of the month is there and final.'),
            -- Farms.
            ('named_by', 'What the farm''s name is from: the register''s name, or an exception.'),
            ('reason', 'Why there is an exception; NULL where there is none. From wind_farm_exceptions.'),
            ('generation_capacity_mw', 'Registered generation capacity of the unit in MW, in the latest version of the register.'),
            ('is_in_force', 'Whether the register has the unit as wind now.'),
            -- Reconciliation.
            ('check_count', 'Checks of the day that have a result.'),
            ('error_count', 'Checks of severity ERROR that do not hold and are not waived.'),
            ('warning_count', 'Checks of severity WARN that do not hold and are not waived.'),
            ('not_passed', 'Names of the checks that do not hold and are not waived.'),
            ('waived_count', 'Checks that do not hold and are waived.'),
            ('waived', 'Names of the checks that do not hold and are waived.'),
            ('evaluated_at', 'When the newest of the results was made.')
        ) AS d (name, meaning)
        JOIN pg_class AS c ON c.relnamespace = CAST('analytics' AS regnamespace) AND c.relkind = 'v'
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
            AND d.name IN (a.attname, c.relname || '.' || a.attname)
        WHERE col_description(c.oid, a.attnum) IS NULL
        GROUP BY c.relname, a.attname
    LOOP
        EXECUTE format('COMMENT ON COLUMN analytics.%I.%I IS %L',
                       described.view_name, described.column_name, described.meaning);
    END LOOP;
END $$;
