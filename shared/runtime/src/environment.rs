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

/// Starts this program anew with those of `wanted` that the environment lacks; returns where it has them all. What
/// the environment already says, stands.
///
/// First thing in `main`: whatever was begun before is begun twice.
///
/// # Errors
///
/// The system can't start the program, with the reason; it may go on as it is.
pub fn ensure(wanted: &[(&str, &str)]) -> io::Result<()> {
    let lacking = lacking(wanted, |name| env::var_os(name));
    if lacking.is_empty() {
        return Ok(());
    }
    let mut args = env::args_os();
    let name = args.next().unwrap_or_default();
    Err(Command::new(env::current_exe()?).arg0(name).args(args).envs(lacking).exec())
}

fn lacking<'a>(wanted: &[(&'a str, &'a str)], is: impl Fn(&OsStr) -> Option<OsString>) -> Vec<(&'a str, &'a str)> {
    wanted.iter().copied().filter(|(name, _)| is(OsStr::new(name)).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operator_has_set_stands() {
        let is = |name: &OsStr| (name == "MALLOC_ARENA_MAX").then(|| "4".into());
        assert_eq!(lacking(&[NO_REPORTS, ONE_HEAP], is), [NO_REPORTS]);
        assert_eq!(lacking(&[ONE_HEAP], is), []);
    }
}
