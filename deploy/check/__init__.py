"""Reading SQL offline, as psql and PostgreSQL will read it."""
