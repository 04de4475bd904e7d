"""A run: resolve assets, reuse what exists, stage, launch Nextflow, ingest, record."""
