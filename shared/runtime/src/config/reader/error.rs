//! What serde says is wrong, and where.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::config::document::Path;

/// An error of one value.
#[derive(Debug)]
pub(super) struct Error {
    /// Unknown until the error has left the value's deserialiser.
    path: Option<Path>,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    /// A field that must be there is not.
    Missing(&'static str),
    /// Another kind of value was expected. `found` names a kind, or shows a value that can't be secret.
    Expected { expected: String, found: String },
    /// A word that is none of those known.
    UnknownWord { written: String, known: &'static [&'static str] },
    /// What a type says of its own. May show the value.
    Other(String),
}

impl Error {
    pub(super) fn new(cause: Cause) -> Self {
        Self { path: None, cause }
    }

    /// Where, unless a value further in has said so already.
    pub(super) fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }

    pub(super) fn path(&self) -> &Path {
        static ROOT: Path = Path(vec![]);
        self.path.as_ref().unwrap_or(&ROOT)
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Missing(field) => write!(f, "missing `{field}`"),
            Cause::Expected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Cause::UnknownWord { .. } => f.write_str("unknown word"),
            Cause::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        // The standard library's words for a `SocketAddr` that can't be parsed do not say what one looks like.
        if message == "invalid socket address syntax" {
            return Self::new(Cause::Other("expected address and port, such as 127.0.0.1:8080".to_owned()));
        }
        Self::new(Cause::Other(message))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Cause::Expected { expected: wanted(expected), found: kind(found).to_owned() })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            // A number is no secret, and seeing it helps: "expected u16, found 70000".
            Unexpected::Signed(n) => n.to_string(),
            Unexpected::Unsigned(n) => n.to_string(),
            Unexpected::Float(n) => n.to_string(),
            other => kind(other).to_owned(),
        };
        Self::new(Cause::Expected { expected: wanted(expected), found })
    }

    fn unknown_variant(written: &str, known: &'static [&'static str]) -> Self {
        Self::new(Cause::UnknownWord { written: written.to_owned(), known })
    }

    fn unknown_field(written: &str, known: &'static [&'static str]) -> Self {
        Self::new(Cause::UnknownWord { written: written.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Cause::Missing(field))
    }
}

/// The kind of a value, in TOML's words, without the value.
fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a string",
        Unexpected::Seq => "an array",
        Unexpected::Map | Unexpected::StructVariant => "a table",
        _ => "something else",
    }
}

/// What serde expects, in TOML's words instead of Rust's.
fn wanted(expected: &dyn Expected) -> String {
    let rust = expected.to_string();
    let toml = match rust.as_str() {
        "f32" | "f64" => "a number",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "a sequence" => "an array",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        _ => return rust,
    };
    toml.to_owned()
}
