"""Does PostgreSQL store every click that ingest accepts? ``python -m acceptance`` (``make acceptance``), and `make test`."""
