//! A configuration as a tree whose values know where they were written.

use std::collections::BTreeMap;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) origin: Origin,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Table(BTreeMap<String, Node>),
    Array(Vec<Node>),
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// From the environment: read as TOML where anything but text is wanted.
    Raw(String),
    /// Stands where a fault was found, so that reading goes on behind it. Gives whatever is asked for; the number
    /// says which of several texts.
    Placeholder(usize),
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A line of the file, from 1.
    Line(usize),
    /// An environment variable.
    Variable(String),
    /// Nowhere.
    None,
}

/// A way into the tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// Written `camera[0].url`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Path(pub(super) Vec<Segment>);

impl Path {
    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    pub(super) fn with(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    /// Reads what `Display` writes; what does not read so is one key.
    pub(super) fn parse(text: &str) -> Self {
        let mut segments = vec![];
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let (key, indices) = part.split_once('[').unwrap_or((part, ""));
            segments.push(Segment::Key(key.to_owned()));
            let numbers = indices.split('[').filter_map(|i| i.strip_suffix(']')?.parse().ok());
            segments.extend(numbers.map(Segment::Index));
        }
        Self(segments)
    }

    /// What is read as one: the element of the outermost list that it is in, or else the table around it.
    pub(super) fn section(&self) -> Self {
        let element = self.0.iter().position(|segment| matches!(segment, Segment::Index(_)));
        let length = element.map_or(self.0.len().saturating_sub(1).max(1), |at| at + 1);
        Self(self.0.iter().take(length).cloned().collect())
    }

    /// Whether a value there may be one that must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        const SECRET: [&str; 7] = ["url", "password", "secret", "token", "join", "credential", "private"];
        self.0.iter().any(|segment| match segment {
            Segment::Key(key) => SECRET.iter().any(|word| key.to_lowercase().contains(word)),
            Segment::Index(_) => false,
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if i == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Node {
    pub(super) fn new(kind: Kind, origin: Origin) -> Self {
        Self { kind, origin }
    }

    pub(super) fn child(&self, segment: &Segment) -> Option<&Node> {
        match (&self.kind, segment) {
            (Kind::Table(table), Segment::Key(key)) => table.get(key),
            (Kind::Array(array), Segment::Index(index)) => array.get(*index),
            _ => None,
        }
    }

    pub(super) fn child_mut(&mut self, segment: &Segment) -> Option<&mut Node> {
        match (&mut self.kind, segment) {
            (Kind::Table(table), Segment::Key(key)) => table.get_mut(key),
            (Kind::Array(array), Segment::Index(index)) => array.get_mut(*index),
            _ => None,
        }
    }

    /// Where the value at `path`, or the nearest one around it, was written.
    pub(super) fn origin_of(&self, path: &Path) -> &Origin {
        let mut node = self;
        let mut origin = &self.origin;
        for segment in &path.0 {
            let Some(child) = node.child(segment) else { break };
            node = child;
            if node.origin != Origin::None {
                origin = &node.origin;
            }
        }
        origin
    }
}

/// Reads TOML, as far as it can be read.
pub(super) fn parse(text: &str) -> (Node, Vec<Fault>) {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let faults = errors.iter().map(|error| {
        let origin = error.span().map_or(Origin::None, |span| lines.origin(span.start));
        // The message speaks of TOML's grammar only; the error's own display would show the line, secrets included.
        Fault { origin, path: Path::default(), message: format!("not TOML: {}", error.message()) }
    });
    let faults = faults.collect();
    let kind = lines.table(table.into_inner());
    (Node::new(kind, Origin::None), faults)
}

/// Reads one value of the environment as TOML.
pub(super) fn parse_value(text: &str) -> Option<Kind> {
    DeValue::parse(text).ok().map(|value| Lines::of(text).kind(value.into_inner()))
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect())
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin::Line(self.0.partition_point(|&start| start <= offset))
    }

    fn table(&self, table: DeTable<'_>) -> Kind {
        let entries = table.into_iter().map(|(key, value)| {
            let origin = self.origin(key.span().start);
            (key.into_inner().into_owned(), Node::new(self.kind(value.into_inner()), origin))
        });
        Kind::Table(entries.collect())
    }

    fn kind(&self, value: DeValue<'_>) -> Kind {
        match value {
            DeValue::String(text) => Kind::Text(text.into_owned()),
            DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(integer) => Kind::Integer(integer),
                // Too large for any setting: refused where a number is wanted, with its own text.
                Err(_) => Kind::Text(integer.to_string()),
            },
            DeValue::Float(float) => match float.as_str().parse() {
                Ok(float) => Kind::Float(float),
                Err(_) => Kind::Text(float.to_string()),
            },
            DeValue::Boolean(boolean) => Kind::Bool(boolean),
            DeValue::Datetime(datetime) => Kind::Text(datetime.to_string()),
            DeValue::Array(array) => Kind::Array(array.into_iter().map(|value| self.spanned(value)).collect()),
            DeValue::Table(table) => self.table(table),
        }
    }

    fn spanned(&self, value: Spanned<DeValue<'_>>) -> Node {
        let origin = self.origin(value.span().start);
        Node::new(self.kind(value.into_inner()), origin)
    }
}
