//! Live video as its viewers see it: real HTTP, real UDP, str0m at the other end instead of a browser, no clock but the
//! system's. Tests wait for conditions, never for times.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failure is a panic")]

mod hub;

mod watching;

mod modes;

mod leaving;

mod misuse;

mod page;
