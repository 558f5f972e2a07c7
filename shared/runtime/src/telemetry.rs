//! Logs, on standard error: text for people, JSON lines for machines.
//!
//! A JSON line has `timestamp` (RFC 3339, UTC, µs), `level`, `step` (the word of the path's step, where the line or a
//! span around it names one in a field `step`), `message`, `target` (the module) and `fields`: those of the line and
//! of the spans around it, the inner ones winning. The level says who must act: `WARN` and `ERROR` an operator.

mod json;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// The variable that says what is logged, such as `debug` or `info,edge_agent::source=trace`.
pub const VARIABLE: &str = "OMMA_LOG";

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// [`VARIABLE`] can't be read.
    #[error("{VARIABLE}: {0}: expected a level (error, warn, info, debug, trace) or `module=level`, comma separated")]
    Filter(#[from] InvalidFilter),
    /// There is a subscriber already, which is a fault of the program.
    #[error("install logs: {0}")]
    Installed(String),
}

/// What is wrong with the filter.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidFilter(String);

/// Sends everything logged in this process to standard error, from level `info` on or as [`VARIABLE`] says. Panics are
/// logged too, as `ERROR`, so that they reach whoever reads the JSON.
///
/// # Errors
/// When the variable can't be read, or logs are set up already.
pub fn init(format: Format) -> Result<(), TelemetryError> {
    let filter = filter(std::env::var(VARIABLE).ok().as_deref())?;
    Registry::default()
        .with(layer(format).with_filter(filter))
        .try_init()
        .map_err(|e: TryInitError| TelemetryError::Installed(e.to_string()))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        place,
        thread = thread.name(),
        backtrace,
        "panicked: {}; this is a fault of the program: please report it",
        panic.payload_as_str().unwrap_or("no message")
    );
}

fn filter(written: Option<&str>) -> Result<EnvFilter, InvalidFilter> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(written.unwrap_or_default())
        .map_err(|e| InvalidFilter(e.to_string()))
}

fn layer(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Text => false,
    };
    if json {
        json::JsonLines::new(std::io::stderr).boxed()
    } else {
        fmt::layer().with_ansi(terminal).with_writer(std::io::stderr).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_defaults_to_info_and_names_what_it_cannot_read() {
        assert_eq!(filter(None).unwrap().to_string(), "info");
        assert_eq!(filter(Some("debug")).unwrap().to_string(), "debug");
        assert_eq!(filter(Some("a=trace")).unwrap().to_string(), "a=trace");
        let error = TelemetryError::from(filter(Some("edge=loud")).unwrap_err()).to_string();
        assert!(error.starts_with("OMMA_LOG: ") && error.contains("expected a level"), "{error}");
    }
}
