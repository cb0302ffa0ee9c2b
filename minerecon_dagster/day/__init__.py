"""A settlement day in the warehouse."""
