"""The dashboard: pages for people over the same figures, limits and memory as the read API."""
