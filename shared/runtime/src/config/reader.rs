//! From the tree to `T`, past every fault.
//!
//! 1. `T` is deserialised. The reader knows the fields that each struct asks for, so unknown keys are reported
//!    and passed over without an error.
//! 2. An error comes back with the way to the value that caused it. It is reported, and a placeholder takes the
//!    value's place, which gives whatever is asked for.
//! 3. Again from 1, until there is no error, or the placeholders satisfy nobody.

mod error;
mod placeholder;
mod value;

use std::cell::RefCell;

use serde::de::DeserializeOwned;

use super::document::{Kind, Node, Origin, Path, Segment};
use super::fault::{Fault, Faults, hint};
use error::{Cause, Error};
use value::{Unknown, Value};

/// More passes than any real file has faults: an end for certain.
const MAX_PASSES: usize = 1000;

/// Reads `T`; what is wrong is added to `faults`, and where values had to be made up. `None` where the rest could not be
/// read past some fault.
pub(super) fn read<T: DeserializeOwned>(mut root: Node, faults: &mut Faults) -> Option<T> {
    for _ in 0..MAX_PASSES {
        let unknown = RefCell::default();
        let result = T::deserialize(Value::new(&root, Path::default(), &unknown));
        for Unknown { path, message } in unknown.into_inner() {
            report(faults, &root, path, message);
        }
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        if !advance(&mut root, error.path())? {
            let (path, message) = describe(&error);
            report(faults, &root, path.clone(), message);
            replace(&mut root, &path)?;
            faults.made_up(path);
        }
    }
    None
}

fn report(faults: &mut Faults, root: &Node, path: Path, message: String) {
    let origin = root.origin_of(&path).clone();
    faults.add(Fault { origin, path, message });
}

fn describe(error: &Error) -> (Path, String) {
    let path = error.path().clone();
    match &error.cause {
        Cause::Missing(field) => (path.key(field), "missing: it must be set".to_owned()),
        Cause::Expected { expected, found } => (path, format!("expected {expected}, found {found}")),
        Cause::UnknownWord { .. } | Cause::Other(_) if path.is_secret() => {
            (path, "not accepted; what was written is not shown, as it may be secret".to_owned())
        }
        Cause::UnknownWord { written, known } => {
            let message = format!("{written:?} is not known{}", hint(written, known));
            (path, message)
        }
        Cause::Other(message) => (path, message.clone()),
    }
}

/// An error at or below a placeholder is not the operator's: the placeholder gives something else from now on. `None`
/// where it has nothing else to give; `Some(false)` where there is no placeholder on the way.
fn advance(root: &mut Node, path: &Path) -> Option<bool> {
    let mut node = root;
    let mut way = path.0.iter();
    loop {
        if let Kind::Placeholder(choice) = &mut node.kind {
            *choice += 1;
            return (*choice < placeholder::TEXTS.len()).then_some(true);
        }
        let Some(child) = way.next().and_then(|segment| node.child_mut(segment)) else { return Some(false) };
        node = child;
    }
}

/// Puts a placeholder at `path`. `None` where there is no such place.
fn replace(root: &mut Node, path: &Path) -> Option<()> {
    let (last, way) = path.0.split_last()?;
    let mut node = root;
    for segment in way {
        node = node.child_mut(segment)?;
    }
    let origin = node.child(last).map_or(Origin::None, |child| child.origin.clone());
    let placeholder = Node::new(Kind::Placeholder(0), origin);
    match (&mut node.kind, last) {
        (Kind::Table(table), Segment::Key(key)) => {
            table.insert(key.clone(), placeholder);
        }
        (Kind::Array(array), Segment::Index(index)) => *array.get_mut(*index)? = placeholder,
        _ => return None,
    }
    Some(())
}
