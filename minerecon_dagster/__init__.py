"""Great Britain's wind curtailment, and the Bitcoin that it could have mined, as a Dagster project.

Rooms by subject, each importing only what is below it (`docs/build/design.md`): ``core`` is pure; ``defs`` is all that
is Dagster's; ``cli`` is a thin client of it. Importing the package reads no environment, opens no socket and no file
outside itself.
"""
