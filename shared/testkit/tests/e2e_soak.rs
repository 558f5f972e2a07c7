//! The soak in little: every kind of misfortune once or more, within a minute and a half. `make soak` is the long one.

use std::time::Duration;

use omma_testkit::soak::plan::Kind;
use omma_testkit::soak::{Settings, run};

#[test]
fn every_promise_is_kept_under_every_misfortune() {
    let verdict = run(&Settings { time: Duration::from_secs(90), seed: 1, cameras: 3, logs: None });
    println!("{}", verdict.sentences().join("\n"));
    assert!(verdict.passed, "{:#?}", verdict.faults);
    assert_eq!(verdict.misfortunes.len(), Kind::ALL.len(), "{:?}", verdict.misfortunes);
}
