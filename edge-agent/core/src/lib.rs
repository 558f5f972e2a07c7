//! What the edge decides, apart from what it does.
//!
//! Nothing here reads a clock, opens a socket or a file, starts a thread or iterates over a hash map: every moment and
//! every seed is an argument, so that a test can replay any history. Moments are [`Moment`]s of a clock that never
//! steps; only capture times are dates.
//!
//! In the order of the path: when is a camera tried again ([`session`]), over which transport ([`change_over`]), which
//! other address does it name ([`redirect`]), what is put right between it and the library that reads it ([`interpreter`]), where in an MJPEG stream are its pictures ([`multipart`]), when was a picture taken ([`capture_clock`]), which coded
//! pictures wait for a reader ([`unit_queue`]) and when it gives them up ([`lateness`]), which may be looked back at
//! ([`kept_units`]), which frame of the main stream a result of the sub-stream belongs to ([`frame_match`]), which
//! lasting things are sent, sent again, forgotten, and given up when the disk is full ([`outbox`]), whose video goes first over a
//! thin uplink ([`uplink`]).
//!
//! Beside it: what a camera sees now ([`presence`]), which values of the moment are published ([`retained`]) and how Home
//! Assistant is told of them ([`home_assistant`]), what the edge is asked ([`control`]) and whether a change of its cameras
//! is kept ([`rollout`]); how cameras are found ([`onvif`]), what a camera is like and what is wrong with it ([`doctor`]),
//! how its texts are made fit to be shown ([`device_text`]); whether every step gets on with its work ([`vitals`]), when the
//! program takes too much memory ([`memory`]), what to do when the system's clock is set ([`wall_clock`]), when the broker is
//! told of all that ([`health_news`]), and how mishaps are told ([`incident`]).

pub mod session;

pub mod change_over;

pub mod redirect;

pub mod interpreter;

pub mod multipart;

pub mod capture_clock;

pub mod unit_queue;

pub mod lateness;

pub mod kept_units;

pub mod frame_match;

pub mod outbox;

pub mod uplink;

pub mod presence;

pub mod retained;

pub mod home_assistant;

pub mod control;

pub mod rollout;

pub mod device_text;

pub mod onvif;

pub mod doctor;

pub mod vitals;

pub mod memory;

pub mod wall_clock;

pub mod health_news;

pub mod incident;

/// A moment: time since the program began, by a clock that never steps.
pub type Moment = std::time::Duration;
