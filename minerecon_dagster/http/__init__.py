"""How the project asks the outside: one attempt, tries again, outages, secrets in URLs. No Dagster, no settings."""
