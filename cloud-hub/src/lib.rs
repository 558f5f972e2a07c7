//! The hub that sees all sites.
