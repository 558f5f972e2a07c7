//! vtest, picture by picture, and the detectors that look at it.

use std::path::Path;

use bytes::Bytes;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::frame::Planes;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_vision::detect::{Detector, DetectorConfig};
use omma_vision::engine::{Device, EngineChoice};

use crate::setup::path;

/// All that set-up brings.
pub(crate) const MODELS: [&str; 6] = [
    "nanodet-g-256x416",
    "nanodet-g-416x416",
    "nanodet-g-416x640",
    "centernet-288x512",
    "centernet-512x512",
    "coco-ssd-300x300",
];

/// A detector that gives boxes from a score of 0.3 on.
pub(crate) fn load(folder: &Path, engine: EngineChoice) -> Detector {
    let config = DetectorConfig {
        model: folder.to_owned(),
        engine,
        onnxruntime: Some(path("OMMA_ONNXRUNTIME")),
        device: Device::Cpu,
        min_score: 0.3,
        ..DetectorConfig::default()
    };
    Detector::load(&config).unwrap()
}

/// Decodes vtest and hands over each frame and its number.
pub(crate) fn each_frame(mut look: impl FnMut(usize, Planes<'_>)) {
    let stream = std::fs::read(path("OMMA_FOOTAGE").join("vtest.h264")).unwrap();
    let mut decoder = Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap();
    let mut frames = 0;
    for (index, data) in split_access_units(&stream).into_iter().enumerate() {
        let unit = AccessUnit {
            time: CaptureTime(index as i64 * 100_000),
            key: is_key(Codec::H264, data),
            codec: Codec::H264,
            data: Bytes::copy_from_slice(data),
        };
        if let Some(decoded) = decoder.decode(&unit).unwrap() {
            look(frames, decoded.planes());
            frames += 1;
        }
    }
    assert!(frames > 700, "vtest has 795 frames, {frames} were decoded");
}
