"""Embedded services for development and first runs: PostgreSQL and DynamoDB under one supervisor."""
