//! The persons of a film, as an edge finds them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_vision::detect::{Detector, DetectorConfig};
use omma_vision::engine::EngineChoice;
use omma_vision::track::TrackerConfig;
use serde_json::{Value, json};

use crate::boxes::{Line, Size};

/// `film`: H.264 as a byte stream. Returns what is told of it, and the boxes.
pub(crate) fn detect(
    model: &Path,
    onnxruntime: Option<PathBuf>,
    min_score: f32,
    film: &[u8],
) -> anyhow::Result<(Value, Vec<Line>)> {
    let mut detector = Detector::load(&DetectorConfig {
        model: model.to_owned(),
        engine: if onnxruntime.is_some() { EngineChoice::Ort } else { EngineChoice::Tract },
        onnxruntime,
        min_score: TrackerConfig::believing(min_score).low_score,
        labels: Some(vec!["person".to_owned()]),
        ..DetectorConfig::default()
    })?;
    let mut decoder = Decoder::new(Codec::H264, DecoderChoice::Auto)?;
    let (mut lines, mut sizes, mut frames) = (vec![], vec![], 0);
    for (n, data) in (1u32..).zip(split_access_units(film)) {
        let (time, key) = (CaptureTime(n.into()), is_key(Codec::H264, data));
        let unit = AccessUnit { time, key, codec: Codec::H264, data: Bytes::copy_from_slice(data) };
        let decoded = decoder.decode(&unit).with_context(|| format!("picture {n}"))?;
        let planes = decoded.as_ref().filter(|d| d.time() == time).map(|d| d.planes());
        let planes = planes.with_context(|| format!("picture {n} does not come out of the decoder at once"))?;
        let (width, height) = (planes.width, planes.height);
        let size = Size { width: width as f32, height: height as f32 };
        for found in detector.detect(planes)? {
            lines.push(Line::new(n, None, found.rect, found.score, size));
        }
        sizes.push((width, height));
        frames = n;
    }
    sizes.dedup();
    ensure!(sizes.len() == 1, "the film has no pictures, or pictures of several sizes: {sizes:?}");
    let (width, height) = sizes[0];
    Ok((json!({ "frames": frames, "width": width, "height": height, "engine": detector.engine() }), lines))
}
