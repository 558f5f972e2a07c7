//! `docs/camera-faults.md` says which switch of the simulated camera and which test shows each fault.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use omma_testkit::simulator::quirk::Quirk;

/// What stands between backticks in a column of all rows.
fn named(table: &str, column: usize) -> BTreeSet<&str> {
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split('|').nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Path and text of all Rust files.
fn sources(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            into.push((path, text));
        }
    }
}

#[test]
fn every_switch_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let table = fs::read_to_string(root.join("docs/camera-faults.md")).unwrap();
    let switches: BTreeSet<_> = Quirk::value_variants()
        .iter()
        .filter_map(|quirk| Some(quirk.to_possible_value()?.get_name().to_owned()))
        .collect();
    let named_switches = named(&table, 2);
    for switch in &switches {
        assert!(named_switches.contains(switch.as_str()), "{switch} is not in the table");
    }
    for name in named_switches.into_iter().filter(|name| !name.contains(['?', ' ', ':'])) {
        assert!(switches.contains(name), "{name} is no switch");
    }
    let mut tests = vec![];
    for folder in ["edge-agent/tests", "edge-agent/core/src", "shared/testkit/tests"] {
        sources(&root.join(folder), &mut tests);
    }
    for test in named(&table, 3) {
        let (module, name) = test.rsplit_once("::").unwrap();
        // In its file, or in one of the folder of that name.
        let is_there = |path: &Path| path.with_extension("").iter().any(|part| part == module);
        // Those of a macro are a name, a colon and what it makes them of.
        let has = |text: &str| text.contains(&format!("fn {name}()")) || text.contains(&format!("    {name}: "));
        let exists = tests.iter().any(|(path, text)| is_there(path) && has(text));
        assert!(exists, "there is no test {test}");
    }
}
