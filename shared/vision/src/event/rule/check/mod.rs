//! As written → as checked: every fault at once, each with its key and how to mend it.

mod rule;
mod shapes;

use omma_protocol::detection::Label;

use super::config::RulesConfig;
use super::geometry::Polygon;
use super::schedule::LocalTime;
use super::written::RulesWritten;

/// Longest name, in bytes: it goes with every event.
const MAX_NAME: usize = 64;
/// Most zones, lines, masks and rules of a camera, each.
const MAX_EACH: usize = 64;

/// What of the site the rules must fit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Site<'a> {
    /// Whose days and hours schedules mean.
    pub local: Option<&'a LocalTime>,
    /// The only classes that are detected; `None` where all of the model's are.
    pub labels: Option<&'a [String]>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    /// Below the camera: `rule[2].zone`.
    pub key: String,
    /// What was expected.
    pub message: String,
}

/// Checks the rules of one camera. Without rules, the default one is in force.
///
/// # Errors
/// Every fault that was found.
pub fn check(written: &RulesWritten, site: Site<'_>) -> Result<RulesConfig, Vec<RuleFault>> {
    let mut check = Check { written, site, faults: vec![] };
    check.names();
    let mut config = RulesConfig {
        zones: written.zone.iter().enumerate().filter_map(|(n, zone)| check.zone(n, zone)).collect(),
        lines: written.line.iter().enumerate().filter_map(|(n, line)| check.line(n, line)).collect(),
        masks: written.mask.iter().enumerate().filter_map(|(n, mask)| check.mask(n, mask)).collect(),
        ..RulesConfig::default()
    };
    if !written.rule.is_empty() {
        config.rules = written.rule.iter().enumerate().filter_map(|(n, rule)| check.rule(n, rule)).collect();
    }
    if check.faults.is_empty() { Ok(config) } else { Err(check.faults) }
}

/// Checks an area that no rule speaks of, written at `key`.
///
/// # Errors
/// Every fault that was found.
pub fn area(key: &str, points: &[Vec<f32>]) -> Result<Polygon, Vec<RuleFault>> {
    let mut check = Check { written: &RulesWritten::default(), site: Site::default(), faults: vec![] };
    let area = check.polygon(key, points);
    area.ok_or(check.faults)
}

struct Check<'a> {
    written: &'a RulesWritten,
    site: Site<'a>,
    faults: Vec<RuleFault>,
}

impl Check<'_> {
    fn fault(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.faults.push(RuleFault { key: key.into(), message: message.into() });
    }

    fn names(&mut self) {
        let RulesWritten { zone, line, mask, rule } = self.written;
        let named: [(&str, Vec<&str>); 3] = [
            ("zone", zone.iter().map(|zone| zone.name.as_str()).collect()),
            ("line", line.iter().map(|line| line.name.as_str()).collect()),
            ("rule", rule.iter().map(|rule| rule.name.as_str()).collect()),
        ];
        for (kind, names) in &named {
            for (n, name) in names.iter().enumerate() {
                let key = format!("{kind}[{n}].name");
                self.name(&key, name);
                if names[..n].contains(name) {
                    self.fault(key, format!("`{name}` is there twice: expected a name of its own for each {kind}"));
                }
            }
        }
        let numbers = named.iter().map(|(kind, names)| (*kind, names.len())).chain([("mask", mask.len())]);
        for (kind, number) in numbers.collect::<Vec<_>>() {
            if number > MAX_EACH {
                self.fault(kind, format!("there are {number}: expected at most {MAX_EACH} for a camera"));
            }
        }
    }

    fn name(&mut self, key: &str, name: &str) {
        if name.is_empty() || name.len() > MAX_NAME || name.contains(char::is_control) {
            self.fault(key, format!("expected 1 to {MAX_NAME} characters in one line"));
        }
    }

    fn labels(&mut self, key: &str, written: &[String]) -> Vec<Label> {
        if let Some(detected) = self.site.labels {
            let detected: Vec<&str> = detected.iter().map(String::as_str).collect();
            for (n, label) in written.iter().enumerate() {
                self.known(&format!("{key}.labels[{n}]"), "is not among `detect.labels`", label, &detected);
            }
        }
        written.iter().map(|label| label.as_str().into()).collect()
    }

    /// Which of the known names it is. `lack` says what one that is not known lacks: `is no zone`.
    fn known(&mut self, key: &str, lack: &str, name: &str, known: &[&str]) -> Option<usize> {
        let place = known.iter().position(|known| *known == name);
        if place.is_none() {
            let likeness = |known: &&&str| strsim::jaro_winkler(name, known);
            let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let hint = match nearest {
                Some(nearest) if likeness(&nearest) > 0.7 => format!(", did you mean `{nearest}`?"),
                Some(_) => format!(": expected one of `{}`", known.join("`, `")),
                None => ": expected one of that name".to_owned(),
            };
            self.fault(key, format!("`{name}` {lack}{hint}"));
        }
        place
    }
}

#[cfg(test)]
pub(super) mod tests;
