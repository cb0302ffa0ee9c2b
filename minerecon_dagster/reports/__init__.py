"""Reports: pages of pictures that answer at a glance, each one file that needs nothing else."""
