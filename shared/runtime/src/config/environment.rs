//! Overrides from environment variables.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::document::{Kind, Node, Origin, Path, Segment};
use super::fault::Fault;

/// Puts each variable that is ours into the tree; gives back what is wrong with them.
pub(super) fn apply(
    root: &mut Node,
    prefix: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Vec<Fault> {
    let prefix = format!("{prefix}_");
    // Sorted, so that list places are filled in order and the result does not depend on the environment's order.
    let ours: BTreeMap<String, OsString> = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.strip_prefix(&prefix).is_some_and(|rest| !is_foreign(rest)))
        .collect();
    let mut faults = vec![];
    for (name, value) in ours {
        let rest = name.strip_prefix(&prefix).unwrap_or_default().to_lowercase();
        let path = path(&rest);
        let origin = Origin::Variable(name.clone());
        let result = if rest.contains("__") {
            let text = value.into_string().map_err(|_| "not UTF-8".to_owned());
            text.and_then(|text| put(root, &path.0, Node::new(Kind::Raw(text), origin.clone())))
        } else {
            Err(format!("expected section and key with two underscores between them, as in {prefix}HTTP__LISTEN"))
        };
        if let Err(message) = result {
            let path = if rest.contains("__") { path } else { Path::default() };
            faults.push(Fault { origin, path, message });
        }
    }
    faults
}

/// Variables under our prefix that are no overrides: `…_CONFIG` names the file itself, and Kubernetes sets the others
/// in each pod for a service that is named like us.
fn is_foreign(rest: &str) -> bool {
    const SERVICE: [&str; 2] = ["SERVICE_HOST", "SERVICE_PORT"];
    const PORT: &str = "PORT";
    rest == "CONFIG"
        || SERVICE.iter().any(|s| rest.starts_with(s))
        || rest.strip_prefix(PORT).is_some_and(|r| r.is_empty() || r.starts_with('_') && !r.starts_with("__"))
}

fn path(rest: &str) -> Path {
    Path(rest.split("__").map(|part| part.parse().map_or_else(|_| Segment::Key(part.into()), Segment::Index)).collect())
}

/// Replaces or adds the value at `path`, making the tables and list places on the way.
fn put(node: &mut Node, path: &[Segment], value: Node) -> Result<(), String> {
    let Some((segment, rest)) = path.split_first() else {
        *node = value;
        return Ok(());
    };
    if matches!(node.kind, Kind::Placeholder(_)) {
        node.kind = match segment {
            Segment::Key(_) => Kind::Table(BTreeMap::new()),
            Segment::Index(_) => Kind::Array(vec![]),
        };
    }
    let empty = Node::new(Kind::Placeholder(0), value.origin.clone());
    let child = match (&mut node.kind, segment) {
        (Kind::Table(table), Segment::Key(key)) if !key.is_empty() => table.entry(key.clone()).or_insert(empty),
        (Kind::Array(array), Segment::Index(index)) => {
            if *index == array.len() {
                array.push(empty);
            }
            let len = array.len();
            array.get_mut(*index).ok_or(format!("there are only {len} before it: use {len} for the next"))?
        }
        (Kind::Array(_), Segment::Key(_)) => return Err("expected a number here: this is a list".to_owned()),
        (Kind::Table(_), _) => return Err("expected a key here: this is a table".to_owned()),
        _ => return Err("a value stands where this expects a table".to_owned()),
    };
    put(child, rest, value)
}
