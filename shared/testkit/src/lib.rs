//! Development only: a camera simulator, seeded lossy links, process handling for end-to-end tests.

pub mod simulator;

pub mod demo;

pub mod fuzz;

pub mod process;

pub mod stack;

pub mod viewer;

pub mod wait;
