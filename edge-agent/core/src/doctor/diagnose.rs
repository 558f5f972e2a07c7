//! What a report means: findings with a remedy each, and what Omma does by itself.
//!
//! | severity | meaning |
//! |---|---|
//! | error | something of Omma does not work with this camera as it is set |
//! | warning | it works, worse than it could |
//! | info | worth knowing, nothing to do |

mod connection;

mod stream;

mod pace;
pub(crate) use pace::span;

mod workaround;

use serde::Serialize;

use super::report::Report;

pub use workaround::{Workaround, workarounds};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Works, worse than it could.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name, which stays the same whatever the words.
    pub code: &'static str,
    /// What is the matter, in plain words.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        code: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { severity, code, what: what.into(), remedy: remedy.into() }
    }

    pub(crate) fn error(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, what, remedy)
    }

    pub(crate) fn warning(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, what, remedy)
    }

    pub(crate) fn info(code: &'static str, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Severity::Info, code, what, remedy)
    }
}

/// Everything that is the matter, the worst first.
pub fn diagnose(report: &Report) -> Vec<Finding> {
    let mut findings = vec![];
    connection::find(report, &mut findings);
    stream::find(report, &mut findings);
    pace::find(report, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

#[cfg(test)]
mod tests;
