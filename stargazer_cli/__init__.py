"""Stargazer: genomics pipelines on content-addressed data."""

__version__ = "0.1.0"
