//! Reads one TOML table key by key and keeps every fault it meets, so that all are shown at once.
//!
//! Each reader returns a value even where there is none to be had; what it returns then is never seen, because a
//! table with faults is never turned into a manifest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong: dotted key, what was found, what was expected, the nearest known word.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// The text being read, and what was found wrong with it.
pub(super) struct Reading<'t> {
    text: &'t str,
    faults: RefCell<Vec<Fault>>,
}

impl<'t> Reading<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, faults: RefCell::default() }
    }

    pub(super) fn fault(&self, at: usize, message: String) {
        let line = self.text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
        self.faults.borrow_mut().push(Fault { line, message });
    }

    /// What was found, in the order of the text.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort_by_key(|f| f.line);
        faults
    }
}

/// A table whose keys are taken one after the other; [`Section::finish`] refuses what nobody took.
pub(crate) struct Section<'r, 't> {
    reading: &'r Reading<'t>,
    /// `""` at the top, else `input.`.
    prefix: String,
    at: usize,
    entries: BTreeMap<String, (usize, Spanned<DeValue<'t>>)>,
    known: Vec<&'static str>,
}

impl<'r, 't> Section<'r, 't> {
    pub(super) fn new(reading: &'r Reading<'t>, prefix: String, at: usize, table: DeTable<'t>) -> Self {
        let entry = |(key, value): (Spanned<_>, _)| {
            let at = key.span().start;
            let key: std::borrow::Cow<'_, str> = key.into_inner();
            (key.into_owned(), (at, value))
        };
        Self { reading, prefix, at, entries: table.into_iter().map(entry).collect(), known: vec![] }
    }

    /// Whether a key is written. It counts as known from then on.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.known.push(key);
        self.entries.contains_key(key)
    }

    /// Whether `key` holds a text.
    pub(super) fn is_text(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|(_, v)| v.get_ref().is_str())
    }

    pub(crate) fn text(&mut self, key: &'static str) -> String {
        let read = |v: &DeValue<'_>| v.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        self.take(key, "a text that is not empty", read).unwrap_or_default()
    }

    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<String> {
        self.take(key, "a list of texts", |v| {
            v.as_array()?.iter().map(|i| i.get_ref().as_str().map(str::to_owned)).collect()
        })
        .unwrap_or_default()
    }

    pub(crate) fn whole(&mut self, key: &'static str, range: RangeInclusive<usize>) -> usize {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.take(key, &expected, |v| whole(v).filter(|n| range.contains(n))).unwrap_or_default()
    }

    pub(crate) fn wholes(&mut self, key: &'static str, range: RangeInclusive<usize>) -> Vec<usize> {
        let expected = format!("a list of whole numbers from {} to {}", range.start(), range.end());
        let read = |v: &DeValue<'_>| {
            let list: Option<Vec<_>> =
                v.as_array()?.iter().map(|i| whole(i.get_ref()).filter(|n| range.contains(n))).collect();
            list.filter(|l| !l.is_empty())
        };
        self.take(key, &expected, read).unwrap_or_default()
    }

    pub(crate) fn number(&mut self, key: &'static str, range: Range<f32>) -> f32 {
        let expected = format!("a number from {} to {}", range.start, range.end);
        self.take(key, &expected, |v| number(v).filter(|n| *n >= range.start && *n <= range.end)).unwrap_or_default()
    }

    /// None of them is 0 where there was a fault, so that nothing is said of a number that nobody wrote.
    pub(crate) fn numbers<const N: usize>(&mut self, key: &'static str) -> [f32; N] {
        let read = |v: &DeValue<'_>| {
            let list: Option<Vec<_>> = v.as_array()?.iter().map(|i| number(i.get_ref())).collect();
            <[f32; N]>::try_from(list?).ok()
        };
        self.take(key, &format!("a list of {N} numbers"), read).unwrap_or([1.0; N])
    }

    /// One of two words, as what it stands for.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: [(&'static str, T); 2]) -> T {
        let found = self.one_of(key, &words.map(|w| w.0));
        if found == Some(words[1].0) { words[1].1 } else { words[0].1 }
    }

    /// One of several words, as written; none where there was a fault.
    pub(crate) fn one_of(&mut self, key: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let expected = words.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(" or ");
        let written = self.entries.get(key).and_then(|(_, v)| v.get_ref().as_str().map(str::to_owned));
        let hint = written.as_deref().and_then(|w| nearest(w, words)).map(|n| format!("; did you mean {n:?}?"));
        let read = |v: &DeValue<'_>| words.iter().find(|w| v.as_str() == Some(w)).copied();
        self.take(key, &(expected + &hint.unwrap_or_default()), read)
    }

    pub(super) fn section(&mut self, key: &'static str) -> Section<'r, 't> {
        let prefix = format!("{}{key}.", self.prefix);
        self.known.push(key);
        match self.entries.remove(key) {
            Some((at, value)) => match value.into_inner() {
                DeValue::Table(table) => return Section::new(self.reading, prefix, at, table),
                other => self.reading.fault(at, format!("{key} is {}, expected a section [{key}]", shown(&other))),
            },
            None => self.reading.fault(self.at, format!("section [{key}] is missing")),
        }
        // Nothing in a section that isn't there can be missing.
        Section { reading: self.reading, prefix, at: usize::MAX, entries: BTreeMap::new(), known: vec![] }
    }

    /// A fault of what was written at `key`, found by looking at several keys together.
    pub(crate) fn fault(&self, at: usize, key: &str, message: &str) {
        if self.at != usize::MAX {
            self.reading.fault(at, format!("{}{key} {message}", self.prefix));
        }
    }

    /// Where `key` is written, for [`Section::fault`]; ask before taking it.
    pub(crate) fn position(&self, key: &str) -> usize {
        self.entries.get(key).map_or(self.at, |e| e.0)
    }

    /// Leaves the rest unread: what it should hold can't be known.
    pub(crate) fn leave(&mut self) {
        self.entries.clear();
    }

    /// Refuses keys that nobody took.
    pub(super) fn finish(self) {
        for (key, (at, _)) in &self.entries {
            let hint = nearest(key, &self.known).map(|n| format!("; did you mean {n:?}?")).unwrap_or_default();
            self.reading.fault(*at, format!("{}{key} is not a known key{hint}", self.prefix));
        }
    }

    fn take<T>(&mut self, key: &'static str, expected: &str, read: impl Fn(&DeValue<'_>) -> Option<T>) -> Option<T> {
        self.known.push(key);
        let Some((at, value)) = self.entries.remove(key) else {
            self.fault(self.at, key, &format!("is missing, expected {expected}"));
            return None;
        };
        let found = read(value.get_ref());
        if found.is_none() {
            self.fault(at, key, &format!("is {}, expected {expected}", shown(value.get_ref())));
        }
        found
    }
}

fn whole(value: &DeValue<'_>) -> Option<usize> {
    let integer = value.as_integer()?;
    usize::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn number(value: &DeValue<'_>) -> Option<f32> {
    match value {
        DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f32),
        DeValue::Float(n) => n.as_str().parse().ok().filter(|n: &f32| n.is_finite()),
        _ => None,
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(s) => format!("{s:?}"),
        DeValue::Integer(n) => n.as_str().to_owned(),
        DeValue::Float(n) => n.as_str().to_owned(),
        DeValue::Boolean(b) => b.to_string(),
        DeValue::Array(list) => {
            let items: Vec<String> = list.iter().take(8).map(|i| shown(i.get_ref())).collect();
            format!("[{}{}]", items.join(", "), if list.len() > 8 { ", …" } else { "" })
        }
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
    }
}

fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let likeness = |w: &str| strsim::jaro_winkler(word, w);
    words.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|w| likeness(w) > 0.7)
}
