//! Serde's view of one value of the tree.

use std::borrow::Cow;
use std::cell::RefCell;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::error::{Cause, Error};
use super::placeholder::Placeholder;
use crate::config::document::{self, Kind, Node, Path, Segment};
use crate::config::fault::hint;

/// A key that no struct asks for.
pub(super) struct Unknown {
    pub(super) path: Path,
    pub(super) message: String,
}

/// One value, its way from the root, and where to report unknown keys.
pub(super) struct Value<'a> {
    kind: Cow<'a, Kind>,
    path: Path,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'a> Value<'a> {
    pub(super) fn new(node: &'a Node, path: Path, unknown: &'a RefCell<Vec<Unknown>>) -> Self {
        Self { kind: Cow::Borrowed(&node.kind), path, unknown }
    }

    /// Where something else than text is wanted, text of the environment is TOML; text that is no TOML stays text.
    fn typed(mut self) -> Self {
        if let Kind::Raw(text) = self.kind.as_ref() {
            self.kind = Cow::Owned(document::parse_value(text).unwrap_or_else(|| Kind::Text(text.clone())));
        }
        self
    }

    /// Where text is wanted, text of the environment is taken as it is, but for a quoted TOML string.
    fn textual(mut self) -> Self {
        if let Kind::Raw(text) = self.kind.as_ref() {
            let unquoted = document::parse_value(text).filter(|kind| matches!(kind, Kind::Text(_)));
            let quoted = text.starts_with(['"', '\'']);
            self.kind = Cow::Owned(unquoted.filter(|_| quoted).unwrap_or_else(|| Kind::Text(text.clone())));
        }
        self
    }

    /// Gives the visitor what is there; it refuses what it can't use.
    fn give<'de, V: Visitor<'de>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Self { path, unknown, .. } = self;
        match self.kind.as_ref() {
            Kind::Table(table) => {
                if let Some(fields) = fields {
                    let strangers = table.keys().filter(|key| !fields.contains(&key.as_str()));
                    unknown.borrow_mut().extend(strangers.map(|key| Unknown {
                        path: path.key(key),
                        message: format!("unknown key{}", hint(key, fields)),
                    }));
                }
                let entries = table.iter().filter(|(key, _)| fields.is_none_or(|f| f.contains(&key.as_str())));
                visitor.visit_map(Table { entries, value: None, path, unknown })
            }
            Kind::Array(array) => visitor.visit_seq(Array { items: array.iter().enumerate(), path, unknown }),
            Kind::Text(text) | Kind::Raw(text) => visitor.visit_str(text),
            Kind::Integer(integer) => visitor.visit_i64(*integer),
            Kind::Float(float) => visitor.visit_f64(*float),
            Kind::Bool(boolean) => visitor.visit_bool(*boolean),
            Kind::Placeholder(choice) => Placeholder(*choice).deserialize_any(visitor),
        }
    }
}

/// Placeholders answer what they are asked for; everything else gives what is there.
macro_rules! typed {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.kind.as_ref() {
                Kind::Placeholder(choice) => Placeholder(*choice).$deserialize(visitor),
                _ => self.typed().give(None, visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Error;

    typed! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
        deserialize_seq deserialize_map deserialize_unit deserialize_bytes deserialize_byte_buf
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.textual().give(None, visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind.as_ref() {
            Kind::Placeholder(_) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        match self.kind.as_ref() {
            Kind::Placeholder(choice) => Placeholder(*choice).deserialize_tuple(len, visitor),
            _ => self.deserialize_seq(visitor),
        }
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.kind.as_ref() {
            Kind::Placeholder(choice) => Placeholder(*choice).deserialize_struct(name, fields, visitor),
            _ => self.typed().give(Some(fields), visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let value = self.textual();
        match value.kind.as_ref() {
            Kind::Placeholder(choice) => Placeholder(*choice).deserialize_enum(name, variants, visitor),
            Kind::Text(text) => visitor.visit_enum(StrDeserializer::<Error>::new(text)),
            Kind::Table(table) if table.len() == 1 => match table.iter().next() {
                Some((variant, node)) => {
                    let path = value.path.key(variant);
                    visitor.visit_enum(Variant { variant, node, path, unknown: value.unknown })
                }
                None => Err(not_a_word(variants, "an empty table")),
            },
            Kind::Table(_) => Err(not_a_word(variants, "a table of several keys")),
            _ => Err(not_a_word(variants, "another kind of value")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    forward_to_deserialize_any! { i128 u128 identifier ignored_any }
}

fn not_a_word(variants: &[&str], found: &str) -> Error {
    let words: Vec<_> = variants.iter().map(|word| format!("{word:?}")).collect();
    Error::new(Cause::Expected { expected: words.join(" or "), found: found.to_owned() })
}

struct Table<'a, I> {
    entries: I,
    value: Option<(&'a String, &'a Node)>,
    path: Path,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'de, 'a, I: Iterator<Item = (&'a String, &'a Node)>> MapAccess<'de> for Table<'a, I> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        self.value = self.entries.next();
        let Some((key, _)) = self.value else { return Ok(None) };
        let path = self.path.key(key);
        seed.deserialize(StrDeserializer::<Error>::new(key)).map(Some).map_err(|e| e.at(&path))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some((key, node)) = self.value.take() else {
            return Err(Error::new(Cause::Other("a value was asked for before its key".to_owned())));
        };
        let path = self.path.key(key);
        seed.deserialize(Value::new(node, path.clone(), self.unknown)).map_err(|e| e.at(&path))
    }
}

struct Array<'a, I> {
    items: I,
    path: Path,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'de, 'a, I: Iterator<Item = (usize, &'a Node)>> SeqAccess<'de> for Array<'a, I> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let path = self.path.with(Segment::Index(index));
        seed.deserialize(Value::new(node, path.clone(), self.unknown)).map(Some).map_err(|e| e.at(&path))
    }
}

/// `{ variant = content }`.
struct Variant<'a> {
    variant: &'a str,
    node: &'a Node,
    path: Path,
    unknown: &'a RefCell<Vec<Unknown>>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = Value<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Value<'a>), Error> {
        let variant = seed.deserialize(StrDeserializer::<Error>::new(self.variant))?;
        Ok((variant, Value::new(self.node, self.path, self.unknown)))
    }
}

impl<'de> VariantAccess<'de> for Value<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Err(Error::new(Cause::Other("this word stands alone, without a table".to_owned())).at(&self.path))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        let path = self.path.clone();
        seed.deserialize(self).map_err(|e| e.at(&path))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        let path = self.path.clone();
        self.deserialize_tuple(len, visitor).map_err(|e| e.at(&path))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let path = self.path.clone();
        self.deserialize_struct("", fields, visitor).map_err(|e| e.at(&path))
    }
}
