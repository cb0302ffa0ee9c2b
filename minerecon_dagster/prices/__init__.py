"""The price of Bitcoin: its source and its store."""
