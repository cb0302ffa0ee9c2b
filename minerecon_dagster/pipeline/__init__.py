"""A settlement day from Elexon's answers to checked sums, without Dagster: what the assets call."""
