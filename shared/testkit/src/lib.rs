//! Development only: a camera simulator, seeded lossy links, process handling for end-to-end tests.

pub mod demo;
