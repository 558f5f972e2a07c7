//! What the edge decides, apart from what it does.
//!
//! Nothing here reads a clock, opens a socket or a file, starts a thread or iterates over a hash map: every moment and
//! every seed is an argument, so that a test can replay any history. Moments are [`Moment`]s of a clock that never
//! steps; only capture times are dates.
//!
//! In the order of the path: when is a camera tried again ([`session`]), when was a picture taken
//! ([`capture_clock`]), which coded pictures wait for a reader ([`unit_queue`]) and when it gives them up
//! ([`lateness`]), which may be looked back at ([`kept_units`]),
//! which lasting things are sent, sent again, forgotten, and given up when the disk is full ([`outbox`]). Beside it: what
//! a camera is like and what is wrong with it ([`doctor`]).

pub mod session;

pub mod capture_clock;

pub mod unit_queue;

pub mod lateness;

pub mod kept_units;

pub mod outbox;

pub mod doctor;

/// A moment: time since the program began, by a clock that never steps.
pub type Moment = std::time::Duration;
