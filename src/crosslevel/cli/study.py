"""Commands of the study group."""
