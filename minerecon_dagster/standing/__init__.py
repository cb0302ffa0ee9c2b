"""How all days stand, and what is due."""
