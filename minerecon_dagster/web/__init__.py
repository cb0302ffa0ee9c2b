"""The read API: HTTP over the analysts' views, and nothing else. No Dagster, no SQLAlchemy: it must start at once."""
