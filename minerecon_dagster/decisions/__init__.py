"""What people have decided, in files that are reviewed like code, and the one way in which they are read.

``waivers.toml`` (deviations that are accepted for a time, days that are closed), ``reviewed_units.toml``,
``wind_farms.toml``, ``wind_sites.toml`` and ``published_figures.toml``. Nothing here asks a database, and nothing is
read at import.
"""
