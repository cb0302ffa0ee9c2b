"""Mutation testing: whether the tests of the pure layer, of the readings and of the properties would notice a change.

    python -m bench.mutants python            every mutant of `core/` and of the readings, with their own tests
    python -m bench.mutants sql               every mutant of the SQL of the properties, with the faults
    python -m bench.mutants change            what differs from BASE, and 40 drawn by the commit

A survivor that `survivors.toml` does not list fails, and so does a line of it that is not a survivor any more. Nothing
is written into the tree that is tested: a mutant exists in the memory of a process of its own.
"""
