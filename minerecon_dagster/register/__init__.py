"""The register of BM units: its answers, its versions, and what is open in it."""
