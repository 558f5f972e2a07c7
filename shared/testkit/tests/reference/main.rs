//! The pages of `docs/reference` are made of the sources, so that they cannot tell of what is not there; so are the messages
//! that the page's tests read (`web/src/live/wire.fixtures.json`).
//!
//! 1. [`source`] reads the items of Rust files: structs with their docs and serde attributes, constants, defaults.
//! 2. [`config`], [`mqtt`] and [`metrics`] write a page each; what they can't read fails, and is never left out.
//! 3. [`wire`] writes one message of each kind that hub and page say to each other.
//! 4. Here each is compared with the one in the tree. `make reference` writes them.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod config;

mod mqtt;

mod metrics;

mod drops;

mod fields;

mod source;

mod wire;

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Writes them instead of comparing them.
const UPDATE: &str = "OMMA_UPDATE_REFERENCE";

const HEAD: &str = "<!-- Made of the sources by `make reference`. -->\n\n";

/// The workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn is_kept(name: &str, made: &str) {
    let path = root().join(name);
    if env::var_os(UPDATE).is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    let line = 1 + differs.unwrap_or_else(|| kept.lines().count().min(made.lines().count()));
    assert!(
        kept == made,
        "{name} is not what the sources say, from line {line} on\n  there: {:?}\n  made:  {:?}\nrenew it: make \
         reference (OMMA_UPDATE_REFERENCE=1 cargo test --workspace --test reference)",
        kept.lines().nth(line - 1),
        made.lines().nth(line - 1),
    );
}

#[test]
fn the_page_of_the_configuration_is_that_of_the_sources() {
    is_kept("docs/reference/config.md", &(HEAD.to_owned() + &config::page(&root())));
}

#[test]
fn the_page_of_the_topics_is_that_of_the_sources() {
    is_kept("docs/reference/mqtt.md", &(HEAD.to_owned() + &mqtt::page(&root())));
}

#[test]
fn the_page_of_the_metrics_is_that_of_the_sources() {
    is_kept("docs/reference/metrics.md", &(HEAD.to_owned() + &metrics::page(&root())));
}

#[test]
fn the_messages_that_the_page_is_tried_with_are_those_of_the_hub() {
    is_kept("web/src/live/wire.fixtures.json", &wire::fixtures());
}
