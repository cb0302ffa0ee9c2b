"""The `minerecon` command: a thin client of the Dagster jobs."""
