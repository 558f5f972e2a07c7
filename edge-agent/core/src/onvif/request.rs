//! The questions to one device (ONVIF Core §8, Media §5, Media2 §5), as SOAP 1.2.

/// Which of the two media services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// Of Profile S: every device has it; knows no H.265.
    One,
    /// Of Profile T.
    Two,
}

impl Media {
    /// Its namespace.
    pub fn namespace(self) -> &'static str {
        match self {
            Self::One => "http://www.onvif.org/ver10/media/wsdl",
            Self::Two => "http://www.onvif.org/ver20/media/wsdl",
        }
    }
}

/// The namespace of the device service.
pub const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The device's clock. Asked without a login (ONVIF Core §5.12.1), for the login needs it.
    Date,
    /// Maker, model, firmware.
    Information,
    /// Which services there are, and where.
    Services,
    /// The same of devices from before 2011.
    Capabilities,
    /// What the camera can send.
    Profiles(Media),
    /// Where a profile, by its token, is to be had over RTSP.
    StreamUri(Media, String),
}

impl Request {
    /// Namespace and name of the body's element.
    fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::Date => (DEVICE, "GetSystemDateAndTime"),
            Self::Information => (DEVICE, "GetDeviceInformation"),
            Self::Services => (DEVICE, "GetServices"),
            Self::Capabilities => (DEVICE, "GetCapabilities"),
            Self::Profiles(media) => (media.namespace(), "GetProfiles"),
            Self::StreamUri(media, _) => (media.namespace(), "GetStreamUri"),
        }
    }

    /// The action, which some devices go by instead of the body.
    pub fn action(&self) -> String {
        let (namespace, name) = self.name();
        format!("{namespace}/{name}")
    }

    /// The whole message, with the header of [`security`](super::security) where there is a login.
    pub fn envelope(&self, security: &str) -> String {
        let (namespace, name) = self.name();
        let content = match self {
            Self::Date | Self::Information => String::new(),
            Self::Services => "<q:IncludeCapability>false</q:IncludeCapability>".to_owned(),
            Self::Capabilities => "<q:Category>All</q:Category>".to_owned(),
            Self::Profiles(Media::One) => String::new(),
            Self::Profiles(Media::Two) => "<q:Type>VideoSource</q:Type><q:Type>VideoEncoder</q:Type>".to_owned(),
            Self::StreamUri(Media::One, token) => format!(
                r#"<q:StreamSetup><t:Stream xmlns:t="http://www.onvif.org/ver10/schema">RTP-Unicast</t:Stream><t:Transport xmlns:t="http://www.onvif.org/ver10/schema"><t:Protocol>RTSP</t:Protocol></t:Transport></q:StreamSetup><q:ProfileToken>{}</q:ProfileToken>"#,
                escape(token)
            ),
            Self::StreamUri(Media::Two, token) => {
                format!("<q:Protocol>RTSP</q:Protocol><q:ProfileToken>{}</q:ProfileToken>", escape(token))
            }
        };
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header>{security}</s:Header><s:Body><q:{name} xmlns:q="{namespace}">{content}</q:{name}></s:Body></s:Envelope>"#
        )
    }
}

/// A text within XML. What XML can't hold at all is left out (XML 1.0 §2.2).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
