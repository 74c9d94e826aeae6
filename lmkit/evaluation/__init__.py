"""Metrics over scored events, the same for every family of models."""
