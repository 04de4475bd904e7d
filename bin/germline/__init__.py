"""The report of a germline run: what MultiQC does not know itself."""
