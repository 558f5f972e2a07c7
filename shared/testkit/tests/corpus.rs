//! Every input that fuzzing ever kept, replayed.

use std::fs;
use std::path::Path;

use omma_testkit::fuzz::TARGETS;

#[test]
fn every_kept_input_is_parsed_without_a_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in TARGETS {
        let mut inputs: Vec<_> =
            fs::read_dir(corpus.join(name)).unwrap_or_else(|e| panic!("corpus of {name}: {e}")).flatten().collect();
        inputs.sort_by_key(fs::DirEntry::file_name);
        assert!(inputs.len() >= 2, "the corpus of {name} has {} inputs", inputs.len());
        for input in inputs {
            println!("{name} {:?}", input.file_name());
            target(&fs::read(input.path()).unwrap());
        }
    }
}
