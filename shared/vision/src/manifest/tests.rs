#![expect(clippy::disallowed_methods, reason = "manifests of a test are files, as real ones are")]

use proptest::prelude::*;

use super::*;
use crate::head::Head;

const RIGHT: &str = include_str!("../../models/nanodet-g-256x416.toml");

#[test]
fn manifests_that_come_with_omma_are_right() {
    let mut names = vec![];
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/models")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let manifest = Manifest::parse(&std::fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|faults| panic!("{}: {faults:?}", path.display()));
            assert_eq!(Some(manifest.name.as_str()), path.file_stem().and_then(|s| s.to_str()));
            assert!(manifest.sha256.is_some() && manifest.labels.iter().any(|l| &**l == "person"));
            names.push(manifest.name);
        }
    }
    assert_eq!(names.len(), 6, "{names:?}");
}

#[test]
fn a_right_manifest_is_read_as_written() {
    let manifest = Manifest::parse(RIGHT).unwrap();
    assert_eq!((manifest.input.width, manifest.input.height, manifest.input.color), (416, 256, Color::Bgr));
    assert_eq!(manifest.input.resize, Resize::Letterbox { anchor: Anchor::TopLeft, pad: 0 });
    assert_eq!((manifest.input.mean[2], manifest.input.std[1], manifest.nms), (123.675, 57.12, Some(0.6)));
    let Head::NanoDet(_) = &manifest.head else { panic!("{:?}", manifest.head) };
    assert_eq!(manifest.head.outputs()[2].shape, [1, 124, 8, 13]);
}

#[test]
fn every_fault_is_shown_with_its_line_and_the_nearest_word() {
    let wrong = RIGHT
        .replace("color = \"bgr\"", "color = \"bgrr\"")
        .replace("width = 416", "width = 4")
        .replace("std = [57.375, 57.12, 58.395]", "std = [57.375, 57.12]")
        .replace("anchor =", "anchr =")
        .replace("nms = 0.6", "nms = \"high\"")
        .replace("name = \"images\"", "name = \" \"")
        .replace("outputs = [\"p8\", \"p16\", \"p32\"]", "outputs = [\"p8\"]");
    let faults: Vec<String> = Manifest::parse(&wrong).unwrap_err().iter().map(Fault::to_string).collect();
    assert_eq!(
        faults,
        [
            "line 8: input.anchor is missing, expected \"top-left\" or \"centre\"",
            "line 9: input.name is \" \", expected a text that is not empty",
            "line 10: input.width is 4, expected a whole number from 16 to 8192",
            "line 12: input.color is \"bgrr\", expected \"bgr\" or \"rgb\"; did you mean \"bgr\"?",
            "line 14: input.std is [57.375, 57.12], expected a list of 3 numbers",
            "line 16: input.anchr is not a known key; did you mean \"anchor\"?",
            "line 21: head.nms is \"high\", expected a number from 0 to 1",
            "line 24: head.outputs is [\"p8\"], expected 3 names, one for each of strides",
        ]
    );
}

#[test]
fn a_head_of_unknown_kind_hides_no_other_fault_and_makes_up_none() {
    let wrong = RIGHT.replace("kind = \"nanodet\"", "kind = \"nanodett\"").replace("licence", "license");
    let faults: Vec<String> = Manifest::parse(&wrong).unwrap_err().iter().map(Fault::to_string).collect();
    assert_eq!(
        faults,
        [
            "line 1: licence is missing, expected a text that is not empty",
            "line 3: license is not a known key; did you mean \"licence\"?",
            "line 20: head.kind is \"nanodett\", expected \"nanodet\" or \"centernet\" or \"ssd\" or \"yolox\" or \"picodet\" or \"yolov8\" or \"detr\"; did you mean \"nanodet\"?",
        ]
    );
}

#[test]
fn every_head_says_what_its_keys_lack() {
    let check = |head: &str, expected: &[&str]| {
        let text: String = RIGHT.lines().take_while(|l| *l != "[head]").map(|l| format!("{l}\n")).collect();
        let faults = Manifest::parse(&format!("{text}[head]\n{head}")).unwrap_err();
        let faults: Vec<&str> = faults.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(faults, expected, "{head}");
    };
    let missing_nms = "head.nms is missing, expected a number from 0 to 1";
    check(
        "kind = 'yolov8'\nstrides = []",
        &[
            "head.output is missing, expected a text that is not empty",
            missing_nms,
            "head.strides is [], expected a list of whole numbers from 1 to 256",
        ],
    );
    // What a layout that nobody knows would need can't be said.
    check(
        "kind = 'picodet'\nnms = 0.6\nstrides = [8]\nlayout = 'box'\nbins = 8",
        &["head.layout is \"box\", expected \"bins\" or \"boxes\"; did you mean \"boxes\"?"],
    );
    check(
        "kind = 'picodet'\nstrides = [8, 16]\nlayout = 'bins'\nbins = 0\nscores = ['a', 'b']\nboxes = ['c']",
        &[
            missing_nms,
            "head.bins is 0, expected a whole number from 1 to 64",
            "head.boxes is [\"c\"], expected 2 names, one for each of strides",
        ],
    );
    check(
        "kind = 'detr'\nqueries = 'many'\nlayout = 'logits'\nlogits = 'a'\nboxs = 'b'",
        &[
            "head.boxes is missing, expected a text that is not empty",
            "head.queries is \"many\", expected a whole number from 1 to 10000",
            "head.boxs is not a known key; did you mean \"boxes\"?",
        ],
    );
    check(
        "kind = 'detr'\nqueries = 300\nlayout = 'labels'\nlabels = 'a'\nboxes = 'b'\nscores = 'c'",
        &["head.sizes is missing, expected a text that is not empty"],
    );
}

#[test]
fn a_head_that_shows_each_thing_once_needs_no_nms_but_may_have_it() {
    let nms = |line: &str| {
        let text: String = RIGHT.lines().take_while(|l| *l != "[head]").map(|l| format!("{l}\n")).collect();
        let head =
            format!("[head]\nkind = 'detr'\n{line}\nqueries = 300\nlayout = 'logits'\nlogits = 'a'\nboxes = 'b'\n");
        Manifest::parse(&format!("{text}{head}")).unwrap().nms
    };
    assert_eq!((nms(""), nms("nms = 0.8")), (None, Some(0.8)));
}

#[test]
fn what_several_readers_find_wrong_is_shown_with_its_value() {
    let wrong = RIGHT
        .replace("std = [57.375, 57.12, 58.395]", "std = [57.375, 0, 58.395]")
        .replace("labels = \"coco80\"", "labels = []")
        .replace("sha256 = \"", "sha256 = \"xyz");
    let faults: Vec<String> = Manifest::parse(&wrong).unwrap_err().iter().map(Fault::to_string).collect();
    for (key, found) in
        [("sha256 is \"xyz", "expected 64"), ("labels has 0 texts", "1 to 10000"), ("[57.375, 0.0, 58.395]", "no 0")]
    {
        assert!(faults.iter().any(|fault| fault.contains(key) && fault.contains(found)), "{key} in {faults:#?}");
    }
    let faults = Manifest::parse(&RIGHT.replace("sha256 = \"", "sha256 = 5 # \"")).unwrap_err();
    assert!(faults.len() == 1 && faults[0].message.contains("sha256 is 5, expected a text"), "{faults:?}");
}

#[test]
fn what_is_no_toml_and_what_is_no_section_is_said() {
    let faults = Manifest::parse("name = \"a\"\nname = \"b\"\n").unwrap_err();
    assert_eq!((faults.len(), faults[0].line), (1, 2), "{faults:?}");
    let text: String = RIGHT.lines().take_while(|l| !l.starts_with('[')).map(|l| format!("{l}\n")).collect();
    let faults: Vec<String> =
        Manifest::parse(&format!("{text}input = 3\n")).unwrap_err().iter().map(Fault::to_string).collect();
    assert_eq!(faults, ["line 1: section [head] is missing", "line 8: input is 3, expected a section [input]"]);
}

#[test]
fn another_network_than_the_manifest_was_written_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Manifest::load(folder.path()), Err(ManifestError::Read { .. })));
    std::fs::write(folder.path().join("model.toml"), RIGHT).unwrap();
    assert!(matches!(Manifest::load(folder.path()), Err(ManifestError::Read { .. })));
    std::fs::write(folder.path().join("model.onnx"), b"abc").unwrap();
    let Err(ManifestError::Hash { found, .. }) = Manifest::load(folder.path()) else { panic!("it was accepted") };
    // FIPS 180-2, appendix B.1.
    assert_eq!(found, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    let text = RIGHT.lines().filter(|l| !l.starts_with("sha256")).collect::<Vec<_>>().join("\n");
    std::fs::write(folder.path().join("model.toml"), text).unwrap();
    assert_eq!(Manifest::load(folder.path()).unwrap().sha256, None);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(at in 0..RIGHT.len(), length in 0..40usize, instead in "[\\[\\]{}\"=.,a-z0-9\n -]{0,12}") {
        let mut text = RIGHT.to_owned();
        text.replace_range(at..(at + length).min(RIGHT.len()), &instead);
        if let Err(faults) = Manifest::parse(&text) {
            let lines = text.lines().count() + 1;
            prop_assert!(!faults.is_empty() && faults.iter().all(|f| (1..=lines).contains(&f.line)), "{faults:?}");
        }
    }
}
