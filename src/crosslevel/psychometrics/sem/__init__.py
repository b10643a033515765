"""Structural equation models: model text, parameter table, implied moments, estimation."""
