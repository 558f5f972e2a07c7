//! What libraries read from the environment before any code of ours could tell them.
//!
//! The C library reads how to keep its heap when it is loaded, ONNX Runtime whether it may report to its maker. A
//! process can't soundly change its own environment once other code may read it, so the program starts itself anew
//! under the same process id: what watches it, holds its standard streams or sent it a signal sees no difference.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// ONNX Runtime 1.31 keeps a device id in the user's cache and reports sessions over HTTPS, also where its interface
/// was told not to. With this it opens neither.
pub const NO_REPORTS: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");
/// One heap for all threads instead of glibc's eight for each core, each of which keeps its own free memory.
pub const ONE_HEAP: (&str, &str) = ("MALLOC_ARENA_MAX", "1");
/// Free memory goes back to the system, and what is large (128 KiB) never comes out of the heap: left alone, glibc raises
/// that bound with the first large block freed, and what loading a model took stays with the process.
pub const GIVE_BACK: (&str, &str) = ("MALLOC_TRIM_THRESHOLD_", "1048576");

/// What is wanted of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// With this value and no other.
    Must((&'static str, &'static str)),
    /// With this value, unless whoever started the program has set another.
    Unless((&'static str, &'static str)),
}

/// Starts this program anew with those of `wanted` that the environment lacks; returns where it has them all.
///
/// First thing in `main`: whatever was begun before is begun twice.
///
/// # Errors
///
/// The system can't start the program, with the reason; it may go on as it is.
pub fn ensure(wanted: &[Wanted]) -> io::Result<()> {
    let lacking = lacking(wanted, |name| env::var_os(name));
    if lacking.is_empty() {
        return Ok(());
    }
    Err(start(lacking))
}

/// Starts this program anew as it was started. Returns only where the system can't, with the reason.
///
/// Last thing in `main`: what was begun and not ended ends here.
pub fn begin_anew() -> io::Error {
    start(vec![])
}

fn start(with: Vec<(&'static str, &'static str)>) -> io::Error {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_default();
    match env::current_exe() {
        Ok(program) => Command::new(program).arg0(name).args(args).envs(with).exec(),
        Err(e) => e,
    }
}

fn lacking(wanted: &[Wanted], is: impl Fn(&OsStr) -> Option<OsString>) -> Vec<(&'static str, &'static str)> {
    let lacks = |wanted: &Wanted| match *wanted {
        Wanted::Must((name, value)) if is(OsStr::new(name)).is_none_or(|is| is != value) => Some((name, value)),
        Wanted::Unless((name, value)) if is(OsStr::new(name)).is_none() => Some((name, value)),
        _ => None,
    };
    wanted.iter().filter_map(lacks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_has_set_stands_where_it_may() {
        let wanted = [Wanted::Must(NO_REPORTS), Wanted::Unless(ONE_HEAP)];
        let with = |set: &'static [(&str, &str)]| {
            lacking(&wanted, move |name| set.iter().find(|(set, _)| name == *set).map(|(_, value)| value.into()))
        };
        assert_eq!(with(&[]), [NO_REPORTS, ONE_HEAP]);
        assert_eq!(with(&[("MALLOC_ARENA_MAX", "4"), ("ORT_DISABLE_TELEMETRY", "0")]), [NO_REPORTS]);
        assert_eq!(with(&[("MALLOC_ARENA_MAX", "4"), ("ORT_DISABLE_TELEMETRY", "1")]), []);
    }
}
