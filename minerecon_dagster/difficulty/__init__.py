"""The difficulty of the Bitcoin network: its source."""
