"""Input and output with the outside: Elexon, the raw archive, the difficulty table."""
