"""The tests of the project; docs/build/README.md says how they are run."""

import gc

# With Python's own 700 a tenth of their CPU is spent on looking for garbage among thousands of tests and all that they
# load, before it was used even once (`pytest_collection_finish` sets the rest aside).
gc.set_threshold(10_000)
