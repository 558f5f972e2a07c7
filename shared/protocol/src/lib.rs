//! The words both sides of Omma share, and what crosses a network between them.
//!
//! This crate does no I/O, starts no thread and never reads a clock. Domain types live at the top; their wire
//! forms live under [`wire`] and convert, so that a change of format is a change of `wire` alone.
//!
//! Read in the order of the path: a camera is named ([`id`]), a coded picture arrives ([`mod@unit`]) with its capture
//! time ([`time`]), boxes are found in it ([`geometry`], [`detection`]), followed ([`track`]), and become events
//! ([`event`]); what befalls an edge itself is an [`incident`]. [`join`] and [`secret`] are how an edge is let in, and [`backoff`] how long either side waits before it tries
//! again. Who may come to a port at all is decided by [`seats`], and counted by [`origin`].

pub mod id;
pub mod time;

pub mod unit;

pub mod geometry;

pub mod detection;

pub mod track;

pub mod event;

pub mod incident;

pub mod camera;

pub mod secret;

pub mod join;

pub mod backoff;

pub mod origin;

pub mod seats;

pub mod wire;
