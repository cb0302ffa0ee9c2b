"""Dagster assets: thin glue over `core`, `resources` and `warehouse`."""
