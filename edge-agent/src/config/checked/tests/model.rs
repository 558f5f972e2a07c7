//! What is wrong with the files that a detector needs.

use super::*;

#[test]
fn what_is_wrong_with_the_model_is_told_beside_all_else() {
    let said = |from: &str, to: &str| {
        let text = good().replace(from, to).replace("rate = 2", "rate = 0");
        let lines: Vec<String> = load(&text).unwrap_err().lines().collect();
        assert!(lines.iter().any(|line| line.contains("camera[1].rate: ")), "{lines:#?}");
        lines.join("\n")
    };
    let two = said(MODEL, &format!("{MODEL}\nlabels = [\"persn\", \"car\", \"xyzzy\"]\nengine = \"ort\""));
    assert!(two.contains("detect.labels: ") && two.contains("did you mean \"person\"?") && two.contains("\"xyzzy\""));
    assert!(two.contains("detect.onnxruntime: needed with `engine = \"ort\"`"), "{two}");
    let three = said(MODEL, "model = \"no-such\"\nengine = \"ort\"\nonnxruntime = \"no.so\"");
    assert!(three.contains("detect.model: ") && three.contains("no-such/model.toml"), "{three}");
    assert!(three.contains("detect.onnxruntime: expected the file of libonnxruntime: no.so is none"), "{three}");
    let folder = tempfile::tempdir().unwrap();
    let manifest = include_bytes!("model/model.toml");
    std::fs::write(folder.path().join("model.toml"), manifest).unwrap();
    let network = said(MODEL, &format!("model = {:?}", folder.path()));
    assert!(network.contains("detect.model: there is no ") && network.contains("model.onnx"), "{network}");
}

/// It is loaded already, and may be about to be replaced.
#[test]
fn cameras_from_afar_are_not_refused_for_the_state_of_the_models_folder() {
    let missing = good().replace(MODEL, "model = \"no-such\"");
    let (config, faults) = written::parse::<Written>(&missing, None, ENV_PREFIX, []).unwrap();
    let running = check(config, faults).unwrap();
    assert!(running.with_cameras("[[camera]]\nid = \"yard\"\nurl = \"rtsp://cam/live\"\n").is_ok());
}
