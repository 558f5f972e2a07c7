//! What the edge decides: capture time, camera session and back-off, outbox order and budget.
