//! Every input that fuzzing ever kept, replayed.

use omma_testkit::fuzz::{TARGETS, replay};

#[test]
fn every_kept_input_is_parsed_without_a_panic() {
    replay(TARGETS);
}
