"""Pure domain code: no Dagster, no database, no network, no clock of its own."""
