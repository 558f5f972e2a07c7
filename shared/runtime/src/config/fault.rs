//! Everything that is wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

use super::document::{Kind, Node, Origin, Path};

/// More are not told: who has made so many looks at the first ones, and what was refused goes over the network.
const MOST: usize = 200;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) origin: Origin,
    pub(super) path: Path,
    pub(super) message: String,
}

/// All that is wrong with one configuration, in the order of the file. Displayed one fault a line:
/// `omma-edge.toml:14: camera[0].plcement: unknown key, did you mean "placement"?`
#[derive(Debug, Clone)]
pub struct Faults {
    file: Option<PathBuf>,
    /// Boxed, since it goes along with every error.
    root: Box<Node>,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
    /// There are more faults than are told.
    more: bool,
    /// Sections and cameras in which values are made up, because those written could not be read.
    untrue: Vec<Path>,
}

impl Default for Faults {
    /// Knows no lines.
    fn default() -> Self {
        Self::of(None, Node::new(Kind::Table(Default::default()), Origin::None))
    }
}

impl Faults {
    pub(super) fn of(file: Option<&std::path::Path>, root: Node) -> Self {
        Self {
            file: file.map(Into::into),
            root: Box::new(root),
            faults: vec![],
            warnings: vec![],
            more: false,
            untrue: vec![],
        }
    }

    /// The value at `path` is not the operator's.
    pub(super) fn made_up(&mut self, path: Path) {
        self.untrue.push(path.section());
    }

    /// Whether what is read at a dotted key is what was written. Ask before a fault of another section follows from it.
    pub fn knows(&self, key: &str) -> bool {
        !self.is_untrue(&Path::parse(key))
    }

    fn is_untrue(&self, path: &Path) -> bool {
        self.untrue.iter().any(|section| path.0.starts_with(&section.0))
    }

    /// Adds a fault at a dotted key, such as `camera[1].id`. Say what was expected; never show a value that may be
    /// secret. Nothing is added in a section whose values could not all be read: it would speak of others.
    pub fn push(&mut self, key: &str, message: impl Into<String>) {
        let path = Path::parse(key);
        if self.is_untrue(&path) {
            return;
        }
        let origin = self.root.origin_of(&path).clone();
        self.add(Fault { origin, path, message: message.into() });
    }

    /// Adds a warning at a dotted key: it works, and should be written otherwise. As with faults, never show a secret.
    pub fn warn(&mut self, key: &str, message: impl Into<String>) {
        let path = Path::parse(key);
        if self.is_untrue(&path) {
            return;
        }
        let origin = self.root.origin_of(&path).clone();
        self.add_warning(Fault { origin, path, message: message.into() });
    }

    pub(super) fn add_warning(&mut self, warning: Fault) {
        if self.warnings.len() == MOST {
            return;
        }
        self.warnings.push(warning);
        self.warnings.sort_by(|a, b| (&a.origin, &a.path).cmp(&(&b.origin, &b.path)));
    }

    /// One line for each warning.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.warnings.iter().map(|warning| self.line(warning))
    }

    /// Adds a fault; the same one twice counts once.
    pub(super) fn add(&mut self, fault: Fault) {
        if self.faults.contains(&fault) {
            return;
        }
        self.more |= self.faults.len() == MOST;
        if !self.more {
            self.faults.push(fault);
            self.faults.sort_by(|a, b| (&a.origin, &a.path).cmp(&(&b.origin, &b.path)));
        }
    }

    /// Adds a fault that belongs to no key.
    pub(super) fn unplaced(&mut self, message: String) {
        self.add(Fault { origin: Origin::None, path: Path::default(), message });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// How many are told.
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// Fine where nothing is wrong.
    ///
    /// # Errors
    /// Itself where something is.
    pub fn into_result(self) -> Result<(), Faults> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// One line for each fault, and one that says so where there are more than 200.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let more =
            self.more.then(|| format!("there are more than these {MOST} faults: put these right and check again"));
        self.faults.iter().map(|fault| self.line(fault)).chain(more)
    }

    fn line(&self, fault: &Fault) -> String {
        let mut line = String::new();
        let file = self.file.as_ref().map(|file| file.display().to_string());
        match (&fault.origin, file) {
            (Origin::Line(number), Some(file)) => line += &format!("{file}:{number}: "),
            (Origin::Line(number), None) => line += &format!("line {number}: "),
            (Origin::Variable(name), _) => line += &format!("environment variable {name}: "),
            (Origin::None, Some(file)) => line += &format!("{file}: "),
            (Origin::None, None) => {}
        }
        if !fault.path.0.is_empty() {
            line += &format!("{}: ", fault.path);
        }
        line + &fault.message
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, line) in self.lines().enumerate() {
            write!(f, "{}{line}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The known word that was probably meant.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase();
    let (best, likeness) =
        known.iter().map(|&word| (word, strsim::jaro_winkler(&written, word))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (likeness >= 0.75).then_some(best)
}

/// `, did you mean "x"?`, or what there is to choose from.
pub(super) fn hint(written: &str, known: &[&str]) -> String {
    let quoted: Vec<_> = known.iter().map(|word| format!("{word:?}")).collect();
    match (nearest(written, known), quoted.as_slice()) {
        (Some(word), _) => format!(", did you mean {word:?}?"),
        (None, []) => String::new(),
        (None, [only]) => format!(", expected {only}"),
        (None, many) => format!(", expected one of {}", many.join(", ")),
    }
}
