"""What Elexon knows, and what is taken of it."""
