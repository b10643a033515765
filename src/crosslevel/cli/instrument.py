"""Commands of the instrument group."""
