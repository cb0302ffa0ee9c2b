"""Great Britain's wind curtailment, and the Bitcoin that it could have mined, as a Dagster project.

Layers: ``core`` is pure (calendar, selection, formulas, states); ``resources`` and ``warehouse`` do
the input and output; ``assets``, ``jobs`` and ``definitions`` are the Dagster glue; ``cli`` is a thin
client of them. Importing the package reads no environment, opens no socket and no file outside itself.
"""
