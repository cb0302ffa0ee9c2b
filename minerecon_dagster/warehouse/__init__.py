"""The PostgreSQL warehouse: its one description, its migrations and its SQL."""
