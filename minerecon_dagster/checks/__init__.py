"""What must hold of settlement days: the whole list, and what is held against all control totals."""
