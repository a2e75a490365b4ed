"""Deploy PostgreSQL migrations over SSH, and never without a way back."""
