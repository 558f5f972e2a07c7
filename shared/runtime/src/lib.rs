//! What every Omma program stands on: configuration, telemetry, health, shutdown, supervision.
//!
//! In the order in which a program uses it:
//!
//! 0. [`environment`] sees to what libraries read when they are loaded; [`made`] says whether the clock is set.
//! 1. [`config`] reads the file and the environment, and reports every fault at once.
//! 2. [`telemetry`], [`metrics`] and [`tls`] are installed, once, before anything else starts.
//!    [`crash`] keeps what a run leaves behind for the next.
//! 3. [`shutdown`] gives the token on which everything ends, [`notify`] tells systemd.
//! 4. [`http`] shows [`health`] and metrics, the [`heap`] among them; [`listen`] opens sockets with errors that say how to
//!    mend them; [`seats`] bounds who may be at a port at the same time.
//! 5. The steps of the pipeline count and time themselves with [`step`]; [`supervise`] restarts what fails, spaced
//!    by [`backoff`].

pub mod environment;

pub mod made;

pub mod config;

pub mod telemetry;

pub mod metrics;

pub mod heap;

pub mod step;

pub mod tls;

pub mod crash;

pub mod file;

pub mod shutdown;

pub mod notify;

pub mod health;

pub mod listen;

pub mod seats;

pub mod http;

pub mod supervise;

pub mod backoff;
