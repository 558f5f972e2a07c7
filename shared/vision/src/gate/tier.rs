//! What the gate goes by, chosen by the stream itself.

use std::time::Duration;

use super::config::{GateConfig, Mode};
use super::group::LONGEST;

/// Smallest change that sizes show, bytes: below the first they are relied upon, from the second on no more. Measured:
/// variable bit rate and little noise 26 to 320, much noise 900, constant bit rate 2,000 and more.
const SIZES_TELL: f32 = 350.0;
const SIZES_BLIND: f32 = 500.0;
/// How soon sizes or every thumbnail find something: one picture, or three at ten a second, and a probe.
const PROMPT: Duration = Duration::from_millis(300);

/// What the gate goes by, and with it how soon a thing is found. Found later does not mean lost: the gate looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The setting `always`: every unit is decoded, no matter what.
    Always,
    /// Sizes of coded pictures tell: found within 300 ms.
    Sizes,
    /// Sizes tell too little: found at the next key picture.
    KeyPictures,
    /// Every unit is decoded for its thumbnail: found within 300 ms, at the price of decoding.
    EveryPicture,
}

impl Tier {
    /// The word for metrics and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Sizes => "sizes",
            Self::KeyPictures => "key pictures",
            Self::EveryPicture => "every picture",
        }
    }

    /// How soon after it can be seen a thing is found, where a group of pictures lasts `group`.
    pub fn promise(self, group: Duration) -> Duration {
        match self {
            Self::KeyPictures => group,
            Self::Always | Self::Sizes | Self::EveryPicture => PROMPT,
        }
    }

    /// Whether every unit is decoded, also while nothing happens.
    pub fn decodes_all(self) -> bool {
        matches!(self, Self::Always | Self::EveryPicture)
    }
}

/// Why the gate is in its tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// So it is set.
    Setting,
    /// What is usual is not known yet.
    Unknown,
    /// Small changes show in the sizes.
    SizesTell,
    /// The smallest change that shows is too large: constant bit rate, or much noise.
    SizesBlind,
    /// Key pictures are too far apart to be waited for.
    FewKeyPictures,
}

impl Why {
    /// The words for pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::Unknown => "not known yet",
            Self::SizesTell => "sizes tell",
            Self::SizesBlind => "sizes tell too little",
            Self::FewKeyPictures => "few key pictures",
        }
    }
}

/// Chooses the tier. `smallest_change` in bytes where it is known, `group` the longest time between key pictures.
pub(super) fn choose(config: &GateConfig, now: Tier, smallest_change: Option<f32>, group: Duration) -> (Tier, Why) {
    let blind_from = if now == Tier::Sizes { SIZES_BLIND } else { SIZES_TELL };
    let slow = if config.prompt { Tier::EveryPicture } else { Tier::KeyPictures };
    match smallest_change {
        _ if config.mode == Mode::Always => (Tier::Always, Why::Setting),
        // Without its key picture at hand nothing could be decoded when it is needed.
        _ if group > LONGEST => (Tier::EveryPicture, Why::FewKeyPictures),
        Some(bytes) if bytes < blind_from => (Tier::Sizes, Why::SizesTell),
        Some(_) => (slow, Why::SizesBlind),
        None => (slow, Why::Unknown),
    }
}
