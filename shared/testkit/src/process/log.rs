//! What a program printed.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The lines of a program's standard output and standard error. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a line holds `text`.
    pub fn contains(&self, text: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|line| line.contains(text))
    }

    /// Reads lines in a thread of its own until the other end closes, so that the program never waits for us.
    pub(super) fn follow(&self, output: impl Read + Send + 'static) {
        let log = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                log.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        });
    }
}

/// Whether a line asks an operator to act: a WARN or ERROR, as JSON or as text, or a panic.
pub fn is_complaint(line: &str) -> bool {
    is_at(line, &["WARN", "ERROR"])
}

/// Whether a line tells of what should never be, whatever the world outside does: an ERROR, or a panic.
pub fn is_error(line: &str) -> bool {
    is_at(line, &["ERROR"])
}

/// Modules that are steps of the path: what they log carries `step`.
const STEPS: &[&str] = &[
    "edge_agent::source",
    "edge_agent::unit",
    "edge_agent::analysis",
    "edge_agent::detect",
    "edge_agent::outbox",
    "edge_agent::uplink",
    "cloud_hub::ingest",
    "cloud_hub::bus",
    "cloud_hub::infer",
    "cloud_hub::store",
    "cloud_hub::live",
];

/// Whether a line of JSON asks an operator to act, is of a step, and does not say of which.
pub fn lacks_step(line: &str) -> bool {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(line) else { return false };
    let of_step = json["target"].as_str().is_some_and(|target| STEPS.iter().any(|step| target.starts_with(step)));
    of_step && is_complaint(line) && json["step"].is_null()
}

fn is_at(line: &str, levels: &[&str]) -> bool {
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(line) {
        return json["level"].as_str().is_some_and(|level| levels.contains(&level));
    }
    levels.iter().any(|level| line.contains(&format!(" {level} "))) || line.contains("panicked at")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_from_the_rest() {
        for line in [
            r#"{"level":"WARN","message":"x"}"#,
            r#"{"level":"ERROR"}"#,
            "2026-11-22T10:00:00Z  WARN omma: x",
            "thread 'main' panicked at src/main.rs:1:1:",
        ] {
            assert!(is_complaint(line), "{line}");
        }
        for line in [r#"{"level":"INFO","message":"no ERROR here"}"#, "listening rtsp://127.0.0.1:1", "", "{}"] {
            assert!(!is_complaint(line), "{line}");
        }
    }

    #[test]
    fn a_complaint_of_a_step_says_of_which() {
        for (line, lacks) in [
            (r#"{"level":"WARN","target":"edge_agent::outbox::keeper"}"#, true),
            (r#"{"level":"WARN","target":"edge_agent::outbox::keeper","step":"outbox"}"#, false),
            (r#"{"level":"INFO","target":"edge_agent::outbox::keeper"}"#, false),
            (r#"{"level":"WARN","target":"edge_agent::health"}"#, false),
        ] {
            assert_eq!(lacks_step(line), lacks, "{line}");
        }
    }

    #[test]
    fn warnings_are_no_errors() {
        for (line, error) in [
            (r#"{"level":"ERROR"}"#, true),
            ("2026-11-22T10:00:00Z ERROR omma: x", true),
            ("thread 'main' panicked at src/main.rs:1:1:", true),
            (r#"{"level":"WARN","message":"ERROR"}"#, false),
            ("2026-11-22T10:00:00Z  WARN omma: x", false),
        ] {
            assert_eq!(is_error(line), error, "{line}");
        }
    }
}
