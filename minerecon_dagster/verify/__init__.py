"""Stored days compared with Elexon, and the record of it."""
