"""Alerts: what fails and what clears, told once each, by a webhook or in the log (docs/operate/alerts.md).

``sensor`` is the Dagster sensor; ``runs`` and ``failures`` look, ``state`` remembers, ``news`` compares and
``text`` words it, ``redaction`` takes secrets out of it, ``webhook`` delivers it.
"""
