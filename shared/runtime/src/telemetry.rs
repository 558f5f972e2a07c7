//! Logs, on standard error: text for people, JSON lines for machines.
//!
//! A JSON line has `timestamp` (RFC 3339, UTC, µs), `level`, `step` (the word of the path's step, where the line or a
//! span around it names one in a field `step`), `message`, `target` (the module) and `fields`: those of the line and
//! of the spans around it, the inner ones winning. The level says who must act: `WARN` and `ERROR` an operator. In systemd's
//! journal a line has the priority of its level: `journalctl -p warning`.

mod json;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::panic::PanicHookInfo;

use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

/// The variable that says what is logged, such as `debug` or `info,edge_agent::source=trace`. It applies to libraries
/// too, but for those that log by the crate `log` (retina, rumqttc, rmqtt): these are not heard. At `debug` retina writes a camera's
/// URL whole, and some cameras take their password in its path or its query.
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

/// Sends everything logged in this process to standard error, our own from level `info` on, or as
/// [`VARIABLE`] says. Panics are
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

/// Says why `program` ends: in the log where it is heard there, so that it reaches whoever reads the JSON, else as plain text.
pub fn last_words(program: &str, why: impl std::fmt::Display) {
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!("{program} ends: {why}");
    } else {
        eprintln!("{program}: {why}");
    }
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

/// Our own crates from `info` on. Of the libraries only errors: what they find worth a warning, such as a slow
/// statement, is rarely anything that an operator can act on.
const DEFAULT: &str = "error,omma=info,edge_agent=info,edge_core=info,cloud_hub=info,hub_core=info";

/// Whatever else is logged, its lines carry their step.
const SPANS: &str = "omma_runtime::step=error";

fn filter(written: Option<&str>) -> Result<EnvFilter, InvalidFilter> {
    let written = written.filter(|w| !w.trim().is_empty()).unwrap_or(DEFAULT);
    EnvFilter::builder().parse(format!("{written},{SPANS}")).map_err(|e| InvalidFilter(e.to_string()))
}

fn layer(format: Format) -> Box<dyn Layer<Registry> + Send + Sync> {
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Json => true,
        Format::Text => false,
    };
    if json {
        json::JsonLines::new(std::io::stderr).with_priority(to_journal()).boxed()
    } else {
        fmt::layer().with_ansi(terminal).with_writer(std::io::stderr).boxed()
    }
}

/// Whether standard error is the stream that systemd has opened to the journal: `JOURNAL_STREAM` is its device and inode,
/// systemd.exec(5).
fn to_journal() -> bool {
    let (Ok(stream), Ok(own)) = (std::env::var("JOURNAL_STREAM"), std::fs::metadata("/proc/self/fd/2")) else {
        return false;
    };
    stream == format!("{}:{}", own.dev(), own.ino())
}

#[cfg(test)]
mod tests {
    use super::json::tests::Captured;
    use super::*;

    #[test]
    fn ours_is_logged_from_info_on_and_of_libraries_errors() {
        // What is logged under a filter; `target` needs a literal, so each is written out.
        let logged = |written: Option<&str>| {
            let lines = Captured::default();
            let writer = lines.clone();
            let layer = json::JsonLines::new(move || writer.clone()).with_filter(filter(written).unwrap());
            tracing::subscriber::with_default(Registry::default().with(layer), || {
                tracing::info!(target: "edge_agent::source", "ours");
                tracing::info!(target: "omma_runtime::http", "shared");
                tracing::debug!(target: "cloud_hub", "detail");
                tracing::warn!(target: "sqlx::query", "library");
                tracing::error!(target: "quinn", "grave");
            });
            let lines = lines.lines();
            lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(logged(None), ["ours", "shared", "grave"]);
        assert_eq!(logged(Some(" ")), ["ours", "shared", "grave"]);
        assert_eq!(logged(Some("debug")), ["ours", "shared", "detail", "library", "grave"]);
        assert_eq!(logged(Some("cloud_hub=debug")), ["detail"]);
    }

    /// Under `warn`, and where a target was named, they had lost it.
    #[test]
    fn lines_carry_their_step_under_every_filter() {
        for written in [None, Some("warn"), Some("edge_agent=debug"), Some("off,edge_agent=error")] {
            let lines = Captured::default();
            let writer = lines.clone();
            let layer = json::JsonLines::new(move || writer.clone()).with_filter(filter(written).unwrap());
            tracing::subscriber::with_default(Registry::default().with(layer), || {
                let _decode = crate::step::span("decode").entered();
                tracing::error!(target: "edge_agent::media", "broken");
            });
            let lines = lines.lines();
            assert_eq!(lines.iter().map(|line| &line["step"]).collect::<Vec<_>>(), ["decode"], "{written:?}");
        }
    }

    #[test]
    fn last_words_are_logged_where_they_are_heard() {
        let logged = |written: &str| {
            let lines = Captured::default();
            let writer = lines.clone();
            let layer = json::JsonLines::new(move || writer.clone()).with_filter(filter(Some(written)).unwrap());
            tracing::subscriber::with_default(Registry::default().with(layer), || last_words("edge-agent", "it must"));
            lines.lines().len()
        };
        // Where they are not, they are plain text.
        assert_eq!(["", "cloud_hub=debug", "off"].map(logged), [1, 0, 0]);
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let error = TelemetryError::from(filter(Some("edge=loud")).unwrap_err()).to_string();
        assert!(error.starts_with("OMMA_LOG: ") && error.contains("expected a level"), "{error}");
    }
}
