//! Development only: a camera simulator, a thin and lossy link, a viewer, process handling for end-to-end tests, fuzzing, the
//! demonstration.

pub mod simulator;

pub mod demo;

pub mod fuzz;

pub mod garbage;

pub mod h265;

pub mod b_frames;

pub mod standing;

pub mod link;

pub mod process;

pub mod soak;

pub mod stack;

pub mod viewer;

pub mod wait;
