"""Months and years, summed from their days."""
