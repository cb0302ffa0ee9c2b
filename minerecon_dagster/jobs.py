"""The names of the jobs, and of the steps that take a configuration: what the command line, alerts and Dagster share.

What they run is in `minerecon_dagster.defs.jobs`.
"""

INGEST = "ingest"
RECALCULATE = "recalculate"
VERIFY = "verify"
VERIFY_OP = "verify_days"
SPOT_FIX = "spot_fix"
SPOT_FIX_OP = "fix_period"
BM_UNITS_REFRESH = "bm_units_refresh"
ACCEPT_REGISTER = "accept_register"
ACCEPT_REGISTER_OP = "accept_answer"
REFRESH_PRICES = "refresh_prices"
ROLL_UP_MONTHS = "roll_up_months"
ROLL_UP_YEARS = "roll_up_years"
ROLLUP_SWEEP = "rollup_sweep"
EXPORT_MONTHS = "export_months"
EXPORT_SWEEP = "export_sweep"
REPORT_MONTHS = "report_months"
REPORT_LATEST = "report_latest"
STANDING_INVENTORY = "standing_inventory"
PURGE_SUPERSEDED_RUNS = "purge_superseded_runs"
