"""A weekend lived through on a moved clock: `make weekend`."""
