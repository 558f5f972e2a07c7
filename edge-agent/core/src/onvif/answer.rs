//! What a device answers, read as far as it is needed.

use jiff::civil;
use jiff::tz::TimeZone;
use roxmltree::Node;

use super::device::Coding;
use super::probe::MAX_ADDRESS;
use super::request::Media;
use super::xml::{self, Malformed};
use crate::device_text::words;

/// Most profiles that are taken: a recorder of 64 channels has two or three of each.
pub const MAX_PROFILES: usize = 192;
/// Longest token, bytes. ONVIF allows 64 characters.
const MAX_TOKEN: usize = 256;

/// Why a device refuses to answer (SOAP 1.2 Part 1 §5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether it is about who asks: `ter:NotAuthorized` (ONVIF Core §5.11.2.1) or WS-Security's `FailedAuthentication`.
    pub unauthorized: bool,
    /// In its words.
    pub reason: String,
}

/// What a device says it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Information {
    /// Maker.
    pub maker: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Firmware.
    pub firmware: Option<String>,
}

/// Where a device says that its services are, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Services {
    /// [`Media::One`]
    pub media: Option<String>,
    /// [`Media::Two`]
    pub media2: Option<String>,
}

/// A profile: a video source as it is coded.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Its name in questions.
    pub token: String,
    /// Its name for people.
    pub name: Option<String>,
    /// Which of the device's cameras.
    pub source: Option<String>,
    /// How it is coded; `None` where it has no video.
    pub coding: Option<Coding>,
}

impl Profile {
    /// What people call it. Not even a token steers a terminal.
    pub fn title(&self) -> String {
        self.name.clone().unwrap_or_else(|| words(&self.token))
    }
}

/// The fault in an answer, where it is one.
pub fn fault(answer: &[u8]) -> Option<Fault> {
    let text = xml::text(answer).ok()?;
    let document = xml::parse(&text).ok()?;
    let fault = xml::find(&document, "Fault").ok()?;
    let codes = fault.descendants().filter(|node| xml::is(*node, "Value") || xml::is(*node, "faultcode"));
    let unauthorized = |code: &str| {
        let code = code.rsplit(':').next().unwrap_or_default().trim();
        ["NotAuthorized", "FailedAuthentication", "InvalidSecurity"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(code))
    };
    let reason = xml::words_at(fault, &["Reason", "Text"]).or_else(|| xml::words_at(fault, &["faultstring"]));
    Some(Fault {
        unauthorized: codes.filter_map(|node| node.text()).any(unauthorized),
        reason: reason.unwrap_or_else(|| "it gives no reason".to_owned()),
    })
}

/// The device's clock, seconds since the Unix epoch; `None` where it tells no universal time.
///
/// # Errors
/// When the answer is something else.
pub fn date(answer: &[u8]) -> Result<Option<i64>, Malformed> {
    let text = xml::text(answer)?;
    let document = xml::parse(&text)?;
    let now = xml::find(&document, "SystemDateAndTime")?;
    Ok(xml::child(now, "UTCDateTime").and_then(|utc| {
        let part = |path: [&str; 2]| xml::number_at::<i8>(utc, &path);
        let year = xml::number_at::<i16>(utc, &["Date", "Year"])?;
        let (month, day) = (part(["Date", "Month"])?, part(["Date", "Day"])?);
        let (hour, minute) = (part(["Time", "Hour"])?, part(["Time", "Minute"])?);
        // A leap second is none of ours.
        let second = part(["Time", "Second"])?.min(59);
        let date = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
        Some(TimeZone::UTC.to_timestamp(date).ok()?.as_second())
    }))
}

/// Maker, model and firmware.
///
/// # Errors
/// When the answer is something else.
pub fn information(answer: &[u8]) -> Result<Information, Malformed> {
    let text = xml::text(answer)?;
    let document = xml::parse(&text)?;
    let said = xml::find(&document, "GetDeviceInformationResponse")?;
    Ok(Information {
        maker: xml::words_at(said, &["Manufacturer"]),
        model: xml::words_at(said, &["Model"]),
        firmware: xml::words_at(said, &["FirmwareVersion"]),
    })
}

/// The services, of GetServices.
///
/// # Errors
/// When the answer is something else.
pub fn services(answer: &[u8]) -> Result<Services, Malformed> {
    let text = xml::text(answer)?;
    let document = xml::parse(&text)?;
    let said = xml::find(&document, "GetServicesResponse")?;
    let of = |namespace: &str| {
        let mut services = said.children().filter(|node| xml::is(*node, "Service"));
        services.find(|node| xml::text_at(*node, &["Namespace"]) == Some(namespace)).and_then(address)
    };
    Ok(Services { media: of(Media::One.namespace()), media2: of(Media::Two.namespace()) })
}

/// The services, of GetCapabilities.
///
/// # Errors
/// When the answer is something else.
pub fn capabilities(answer: &[u8]) -> Result<Services, Malformed> {
    let text = xml::text(answer)?;
    let document = xml::parse(&text)?;
    let said = xml::find(&document, "Capabilities")?;
    Ok(Services { media: xml::child(said, "Media").and_then(address), media2: None })
}

fn address(service: Node<'_, '_>) -> Option<String> {
    xml::text_at(service, &["XAddr"]).filter(|text| text.len() <= MAX_ADDRESS).map(str::to_owned)
}

/// The profiles of either media service, at most [`MAX_PROFILES`].
///
/// # Errors
/// When the answer is something else.
pub fn profiles(answer: &[u8]) -> Result<Vec<Profile>, Malformed> {
    let text = xml::text(answer)?;
    let document = xml::parse(&text)?;
    let said = xml::find(&document, "GetProfilesResponse")?;
    let profiles = said.children().filter(|node| xml::is(*node, "Profiles"));
    Ok(profiles.filter_map(profile).take(MAX_PROFILES).collect())
}

fn profile(said: Node<'_, '_>) -> Option<Profile> {
    let token = said.attributes().find(|attribute| attribute.name() == "token")?.value();
    if token.is_empty() || token.len() > MAX_TOKEN {
        return None;
    }
    let either = |one: &[&str], two: &[&str]| xml::at(said, one).or_else(|| xml::at(said, two));
    let source = either(&["VideoSourceConfiguration"], &["Configurations", "VideoSource"]);
    let encoder = either(&["VideoEncoderConfiguration"], &["Configurations", "VideoEncoder"]);
    Some(Profile {
        token: token.to_owned(),
        name: xml::words_at(said, &["Name"]),
        source: source.and_then(|source| xml::words_at(source, &["SourceToken"])),
        coding: encoder.map(|encoder| Coding {
            codec: xml::words_at(encoder, &["Encoding"]).unwrap_or_default().to_uppercase(),
            width: xml::number_at(encoder, &["Resolution", "Width"]).unwrap_or_default(),
            height: xml::number_at(encoder, &["Resolution", "Height"]).unwrap_or_default(),
            rate_hz: xml::number_at(encoder, &["RateControl", "FrameRateLimit"])
                .filter(|hz: &f32| (0.0..=1000.0).contains(hz) && *hz > 0.0),
            kbit_s: xml::number_at(encoder, &["RateControl", "BitrateLimit"]).filter(|kbit: &u32| *kbit > 0),
        }),
    })
}

/// The address of a stream, as it stands.
///
/// # Errors
/// When the answer is something else.
pub fn stream_uri(answer: &[u8]) -> Result<String, Malformed> {
    let text = xml::text(answer)?;
    let document = xml::parse(&text)?;
    let said = xml::find(&document, "GetStreamUriResponse")?;
    let uri = xml::text_at(said, &["MediaUri", "Uri"]).or_else(|| xml::text_at(said, &["Uri"]));
    let uri = uri.ok_or(Malformed::Lacks("Uri"))?;
    if uri.len() > MAX_ADDRESS { Err(Malformed::TooLarge) } else { Ok(uri.to_owned()) }
}
