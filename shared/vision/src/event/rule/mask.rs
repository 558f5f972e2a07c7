//! Where nothing is looked for.

use omma_protocol::detection::Detection;

use super::config::Mask;

/// The masks of one camera. What they hide is not followed, makes no event and is not drawn.
#[derive(Debug, Default)]
pub struct Masks(Vec<Mask>);

impl Masks {
    /// Hides what any of them hides.
    pub fn new(masks: Vec<Mask>) -> Self {
        Self(masks)
    }

    /// Whether a detection is to be ignored.
    pub fn hides(&self, detection: &Detection) -> bool {
        self.0.iter().any(|mask| {
            let concerned = mask.labels.is_empty() || mask.labels.contains(&detection.label);
            concerned && mask.shape.contains(mask.anchor.of(detection.rect))
        })
    }
}
