//! XML as devices write it, read within bounds.
//!
//! Elements are found by their local names: prefixes differ from maker to maker, and some devices answer in a namespace
//! that is not the one of the question.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};

use crate::device_text::words;

/// Largest answer that is read, bytes. A recorder of 64 channels describes its profiles in about half of it.
pub const MAX_ANSWER: usize = 1 << 20;
/// Most elements and texts. Such a recorder has about half as many.
const MAX_NODES: u32 = 65_536;
/// Most attributes, namespaces among them: reading is quadratic in those of one element.
const MAX_ATTRIBUTES: usize = 8192;
/// Most declarations of namespaces: each element takes over those around it, so that reading is quadratic in them. A
/// device declares some twenty, once.
const MAX_NAMESPACES: usize = 256;

/// Why an answer can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Over a bound.
    #[error("its answer is too large")]
    TooLarge,
    /// Over the bound of namespaces.
    #[error("its answer declares too many namespaces")]
    Namespaces,
    /// Not well-formed, or with a document type, which SOAP forbids (SOAP 1.2 Part 1 §5).
    #[error("its answer is no well-formed XML")]
    NotXml,
    /// Something else.
    #[error("its answer has no <{0}>")]
    Lacks(&'static str),
}

/// The text of an answer, without what some devices send around it.
///
/// # Errors
/// When it is too large.
pub(super) fn text(answer: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    if answer.len() > MAX_ANSWER {
        return Err(Malformed::TooLarge);
    }
    let around = |c: char| c.is_whitespace() || c == '\0' || c == '\u{feff}';
    Ok(match String::from_utf8_lossy(answer) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(around)),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(around).to_owned()),
    })
}

/// Reads a text.
///
/// # Errors
/// When it is over a bound or not well-formed.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Malformed> {
    if text.matches('=').count() > MAX_ATTRIBUTES {
        return Err(Malformed::TooLarge);
    }
    if text.matches("xmlns").count() > MAX_NAMESPACES {
        return Err(Malformed::Namespaces);
    }
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|e| match e {
        roxmltree::Error::NodesLimitReached => Malformed::TooLarge,
        _ => Malformed::NotXml,
    })
}

/// The first element of this name in a document.
///
/// # Errors
/// When there is none.
pub(super) fn find<'a, 'input>(
    document: &'a Document<'input>,
    name: &'static str,
) -> Result<Node<'a, 'input>, Malformed> {
    document.descendants().find(|node| is(*node, name)).ok_or(Malformed::Lacks(name))
}

/// Whether a node is an element of this name.
pub(super) fn is(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name().name() == name
}

/// The first of this name right below.
pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|node| is(*node, name))
}

/// The one at the end of a path of names.
pub(super) fn at<'a, 'input>(node: Node<'a, 'input>, path: &[&str]) -> Option<Node<'a, 'input>> {
    path.iter().try_fold(node, |node, name| child(node, name))
}

/// The text at the end of a path, as it stands.
pub(super) fn text_at<'a>(node: Node<'a, '_>, path: &[&str]) -> Option<&'a str> {
    at(node, path)?.text().map(str::trim).filter(|text| !text.is_empty())
}

/// The text at the end of a path, for people.
pub(super) fn words_at(node: Node<'_, '_>, path: &[&str]) -> Option<String> {
    text_at(node, path).map(words).filter(|text| !text.is_empty())
}

/// A number at the end of a path.
pub(super) fn number_at<T: std::str::FromStr>(node: Node<'_, '_>, path: &[&str]) -> Option<T> {
    text_at(node, path)?.parse().ok()
}
