//! Configuration as it was written: one TOML file, overridden by environment variables.
//!
//! ```text
//! file ──▶ document (values that know their line) ──▶ overridden by the environment ──▶ T, or every fault at once
//! ```
//!
//! Unknown keys are refused in every struct that `T` is made of, with or without serde's `deny_unknown_fields`, but
//! not below `#[serde(flatten)]`, where serde does not say what it knows.
//!
//! This is the first of two stages. The second, checks across keys, belongs to each program, which reports through
//! the same [`Faults`], so that its faults name their lines too. It is run whatever the first has found of a text that is
//! TOML, so that all is told at once, and says nothing of sections in which values are missing or could not be read:
//!
//! ```
//! # use serde::Deserialize;
//! use omma_runtime::config;
//!
//! #[derive(Deserialize)]
//! struct Written {
//!     port: u16,
//! }
//!
//! fn checked(path: Option<&std::path::Path>) -> Result<Written, config::Faults> {
//!     let (written, mut faults) = config::read::<Written>(path, "OMMA_EXAMPLE")?;
//!     if written.port == 0 {
//!         faults.push("port", "expected a port from 1 to 65535");
//!     }
//!     faults.into_result()?;
//!     Ok(written)
//! }
//! # assert!(checked(None).is_err());
//! ```
//!
//! # Environment
//!
//! `{PREFIX}_{KEY}__{KEY}…`, upper case, two underscores between keys, a number for a place in a list:
//! `OMMA_EDGE_HTTP__LISTEN`, `OMMA_EDGE_CAMERA__0__URL` (the number after the last adds one). Where text is wanted the
//! value is taken as it is; elsewhere it is read as TOML: `5`, `true`, `["person"]`.
//!
//! # Credentials
//!
//! Any text may hold `${file:/path}`, `${credential:name}` (systemd's) and `${env:NAME}`: see [`credential`]. A password
//! that is written in the file itself works, and is warned of ([`Faults::warnings`]).

pub mod credential;

mod document;
mod environment;
mod fault;
mod reader;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Path;

use serde::de::DeserializeOwned;

pub use fault::{Fault, Faults};

/// Reads the file, where one is given, and the environment. For programs with checks of their own, [`read`].
///
/// # Errors
/// Every fault that was found.
pub fn load<T: DeserializeOwned>(path: Option<&Path>, prefix: &str) -> Result<T, Faults> {
    let (value, faults) = read(path, prefix)?;
    faults.into_result().map(|()| value)
}

/// As [`load`], and with the value come the faults found so far, which know where each key was written. Unless there are
/// none, the value is good for finding further ones and for nothing else.
///
/// # Errors
/// Every fault that was found, where no value could be read.
pub fn read<T: DeserializeOwned>(path: Option<&Path>, prefix: &str) -> Result<(T, Faults), Faults> {
    let Some(path) = path else { return parse("", None, prefix, std::env::vars_os()) };
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, Some(path), prefix, std::env::vars_os()),
        Err(e) => {
            let mut faults = Faults::default();
            faults.unplaced(format!("{}: can't be read: {e}", path.display()));
            Err(faults)
        }
    }
}

/// As [`read`], of a text and variables at hand. `path` is for messages only.
///
/// # Errors
/// As of [`read`].
pub fn parse<T: DeserializeOwned>(
    text: &str,
    path: Option<&Path>,
    prefix: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(T, Faults), Faults> {
    let (mut root, syntax) = document::parse(text);
    let overrides = environment::apply(&mut root, prefix, environment);
    // Before what is looked up is put in, so that faults hold no more secrets than the file.
    let mut faults = Faults::of(path, root.clone());
    syntax.into_iter().chain(overrides).for_each(|fault| faults.add(fault));
    let is_whole = faults.is_empty();
    credential::put_in(&mut root, &mut faults);
    finish(root, faults, is_whole)
}

/// As [`read`], of a text that came from elsewhere: as it is, without this machine's environment, files and credentials.
///
/// # Errors
/// As of [`read`].
pub fn parse_foreign<T: DeserializeOwned>(text: &str) -> Result<(T, Faults), Faults> {
    let (mut root, syntax) = document::parse(text);
    let mut faults = Faults::of(None, root.clone());
    syntax.into_iter().for_each(|fault| faults.add(fault));
    let is_whole = faults.is_empty();
    credential::refuse(&mut root, &mut faults);
    finish(root, faults, is_whole)
}

/// Where the text is not whole, what is read of it says nothing further.
fn finish<T: DeserializeOwned>(
    root: document::Node,
    mut faults: Faults,
    is_whole: bool,
) -> Result<(T, Faults), Faults> {
    match reader::read(root, &mut faults) {
        Some(value) if is_whole => Ok((value, faults)),
        _ => Err(faults),
    }
}
