"""Dagster's own programs, started with what this project adds to them."""
