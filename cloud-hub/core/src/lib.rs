//! What the hub decides: ingest order and duplicates, batching, fan-out, access.
