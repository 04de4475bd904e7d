"""Pipelines on data whose result is known: bundled with the package, or fetched by CID."""
