//! Every input that fuzzing ever kept for the targets here, replayed.

use omma_fuzz::TARGETS;

#[test]
fn every_kept_input_is_parsed_without_a_panic() {
    omma_testkit::fuzz::replay(TARGETS);
}
