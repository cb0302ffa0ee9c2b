"""What stands in `deploy/`, as far as it can be looked at without building or starting anything."""
