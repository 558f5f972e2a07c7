//! Which engine runs a model, and what is said when it can't be the one that was wished for.

#![expect(clippy::disallowed_methods, reason = "models and footage are files")]

mod setup;

use std::path::PathBuf;

use omma_vision::detect::{DetectError, Detector, DetectorConfig};
use omma_vision::engine::{Device, EngineChoice, EngineError};
use setup::path;

#[test]
fn auto_takes_onnx_runtime_where_its_library_is_given() {
    let detector = load(|_| ()).unwrap();
    assert_eq!((detector.engine(), detector.model(), detector.note()), ("ort", "nanodet-g-256x416", None));
}

#[test]
fn auto_falls_back_to_tract_and_says_why() {
    let detector = load(|config| config.onnxruntime = Some(PathBuf::from("/nowhere/libonnxruntime.so"))).unwrap();
    assert_eq!(detector.engine(), "tract");
    let note = detector.note().unwrap();
    assert!(note.contains("/nowhere/libonnxruntime.so"), "{note}");
}

#[test]
fn tract_says_that_it_computes_with_one_thread() {
    let nowhere = || Some(PathBuf::from("/nowhere/libonnxruntime.so"));
    let detector = load(|config| (config.onnxruntime, config.threads) = (nowhere(), 4)).unwrap();
    let note = detector.note().unwrap();
    assert!(note.ends_with("; tract computes with one thread, not with 4"), "{note}");
    let detector = load(|config| (config.engine, config.threads) = (EngineChoice::Tract, 2)).unwrap();
    assert_eq!(detector.note(), Some("tract computes with one thread, not with 2"));
    let detector = load(|config| config.engine = EngineChoice::Tract).unwrap();
    assert_eq!(detector.note(), None);
}

#[test]
fn a_file_that_is_no_library_is_refused() {
    let no_library = model().join("model.toml");
    let error = load(|config| (config.engine, config.onnxruntime) = (EngineChoice::Ort, Some(no_library.clone())));
    let Err(DetectError::Engine(EngineError::Library { path, .. })) = error else { panic!("it was accepted") };
    assert_eq!(path, no_library);
    let error = load(|config| (config.engine, config.onnxruntime) = (EngineChoice::Ort, None)).map(|_| ());
    assert!(matches!(error, Err(DetectError::Engine(EngineError::NoLibrary))), "{error:?}");
}

#[test]
fn cuda_that_is_not_there_falls_back_to_the_cpu_and_says_why() {
    // The library that set-up brings is built without CUDA, so this holds on a machine with a GPU, too.
    let detector = load(|config| (config.engine, config.device) = (EngineChoice::Ort, Device::Cuda)).unwrap();
    assert_eq!(detector.engine(), "ort");
    let note = detector.note().unwrap();
    assert!(note.starts_with("CUDA was asked for, the CPU is used: "), "{note}");
}

#[test]
fn a_label_the_model_does_not_know_is_refused_with_the_nearest() {
    let labels = |label: &str| Some(vec!["car".to_owned(), label.to_owned()]);
    let error = load(|config| config.labels = labels("persn")).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "model nanodet-g-256x416 has no label \"persn\"; did you mean \"person\"?");
    let detector = load(|config| config.labels = labels("person")).unwrap();
    assert_eq!(detector.labels().map(|l| &**l).collect::<Vec<_>>(), ["person", "car"]);
}

#[test]
fn a_manifest_that_does_not_fit_the_network_is_refused_by_both_engines() {
    for engine in [EngineChoice::Ort, EngineChoice::Tract] {
        let refused = |from: &str, to: &str| {
            let folder = tempfile::tempdir().unwrap();
            let text = std::fs::read_to_string(model().join("model.toml")).unwrap();
            assert!(text.contains(from), "{from:?} is not in the manifest");
            std::fs::write(folder.path().join("model.toml"), text.replace(from, to)).unwrap();
            std::os::unix::fs::symlink(model().join("model.onnx"), folder.path().join("model.onnx")).unwrap();
            load(|config| (config.engine, config.model) = (engine, folder.path().to_owned()))
                .map(|_| ())
                .unwrap_err()
                .to_string()
        };
        let error = refused("\"p16\"", "\"p15\"");
        assert!(error.starts_with("detect: head.outputs in model.toml is \"p15\", but "), "{error}");
        assert!(error.contains("has no output of that name; it has p8, p16, p32"), "{error}");
        let error = refused("\"images\"", "\"image\"");
        assert!(error.contains("input.name in model.toml is \"image\", but "), "{error}");
        assert!(error.contains("has no input of that name; it has images"), "{error}");
        let error = refused("bins = 11", "bins = 8");
        assert!(error.contains("head.outputs in model.toml is \"p8\", which is [1, 124, 32, 52] in "), "{error}");
        assert!(error.contains("but head, labels and input ask for [1, 112, 32, 52]"), "{error}");
        let error = refused("width = 416", "width = 448");
        assert!(error.contains("input.width in model.toml is 448, but ") && error.contains(" takes 416: "), "{error}");
    }
}

fn load(change: impl FnOnce(&mut DetectorConfig)) -> Result<Detector, DetectError> {
    let mut config =
        DetectorConfig { model: model(), onnxruntime: Some(path("OMMA_ONNXRUNTIME")), ..DetectorConfig::default() };
    change(&mut config);
    Detector::load(&config)
}

fn model() -> PathBuf {
    path("OMMA_MODELS").join("nanodet-g-256x416")
}
