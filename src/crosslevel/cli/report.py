"""Commands of the report group."""
