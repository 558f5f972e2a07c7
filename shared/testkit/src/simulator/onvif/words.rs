//! What a device says.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use roxmltree::{Document, Node};

/// What real devices get wrong, or do otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Paths in place of the addresses of services, but for that of the device service.
    RelativeAddress,
    /// The addresses of a network behind a router.
    OtherHost,
    /// An IPv6 address that leads nowhere comes first.
    Ipv6First,
    /// Other prefixes of namespaces.
    OtherPrefixes,
    /// A clock three hours behind.
    ClockBehind,
    /// One profile alone.
    NoSubStream,
    /// From before GetServices and the second media service.
    Old,
    /// HTTP Digest in place of the token.
    HttpDigest,
    /// HTTP Basic in place of the token.
    HttpBasic,
    /// Answers the search for a `NetworkVideoTransmitter` with garbage, and only that for a `Device` as it should.
    Garbage,
    /// GetServices names the media services over HTTPS, GetCapabilities over HTTP.
    SecureServices,
    /// No HTTP for media at all.
    SecureMedia,
    /// The second media service tells profiles and no addresses.
    MuteMedia2,
    /// Tells nobody what it is.
    Secretive,
    /// What it calls itself would steer a terminal and have a file looked up.
    HostileName,
}

/// What a device is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) user: String,
    pub(super) digest: String,
    pub(super) nonce: String,
    pub(super) created: String,
    profile: String,
    media2: bool,
}

impl Question {
    pub(super) fn read(body: &str) -> Option<Self> {
        let document = Document::parse(body).ok()?;
        let named = |name: &str| document.descendants().find(|node| node.tag_name().name() == name);
        let text = |name: &str| named(name).and_then(|node| node.text()).unwrap_or_default().to_owned();
        let asked = named("Body")?.children().find(Node::is_element)?;
        Some(Self {
            name: asked.tag_name().name().to_owned(),
            user: text("Username"),
            digest: text("Password"),
            nonce: text("Nonce"),
            created: text("Created"),
            profile: text("ProfileToken"),
            media2: asked.tag_name().namespace() == Some(MEDIA2),
        })
    }
}

const DEVICE_SERVICE: &str = "/onvif/device_service";
const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";
const MEDIA2: &str = "http://www.onvif.org/ver20/media/wsdl";

/// What the device takes for the time.
pub(super) fn clock(oddities: &[Oddity]) -> Timestamp {
    let behind = if oddities.contains(&Oddity::ClockBehind) { Duration::from_secs(3 * 3600) } else { Duration::ZERO };
    Timestamp::try_from(SystemTime::now() - behind).unwrap_or_default()
}

pub(super) fn endpoint(port: u16) -> String {
    format!("urn:uuid:00000000-0000-4000-8000-{port:012}")
}

/// Its address of a path.
fn address(path: &str, http: SocketAddr, oddities: &[Oddity]) -> String {
    let port = http.port();
    if oddities.contains(&Oddity::RelativeAddress) && path != DEVICE_SERVICE {
        path.to_owned()
    } else if oddities.contains(&Oddity::OtherHost) {
        format!("http://10.11.12.13:{port}{path}")
    } else {
        format!("http://127.0.0.1:{port}{path}")
    }
}

fn envelope(body: &str, oddities: &[Oddity]) -> String {
    let text = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:q="http://www.onvif.org/ver10/device/wsdl" xmlns:ter="http://www.onvif.org/ver10/error" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"#
    );
    if oddities.contains(&Oddity::OtherPrefixes) {
        text.replace("SOAP-ENV", "env").replace("<tt:", "<ns9:").replace("</tt:", "</ns9:").replace(":tt=", ":ns9=")
    } else {
        text
    }
}

pub(super) fn fault(code: &str) -> String {
    envelope(
        &format!(
            "<SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:Sender</SOAP-ENV:Value><SOAP-ENV:Subcode>\
             <SOAP-ENV:Value>{code}</SOAP-ENV:Value></SOAP-ENV:Subcode></SOAP-ENV:Code><SOAP-ENV:Reason>\
             <SOAP-ENV:Text xml:lang=\"en\">no</SOAP-ENV:Text></SOAP-ENV:Reason></SOAP-ENV:Fault>"
        ),
        &[],
    )
}

/// The answer to a probe for a `NetworkVideoTransmitter`; the other kind of device it takes itself for none.
pub(super) fn probe_match(probe: &str, http: SocketAddr, oddities: &[Oddity]) -> Option<String> {
    let document = Document::parse(probe).ok()?;
    let text = |name: &str| document.descendants().find(|node| node.tag_name().name() == name)?.text();
    let transmitter = text("Types")?.ends_with(":NetworkVideoTransmitter");
    let garbage = oddities.contains(&Oddity::Garbage);
    if transmitter == garbage {
        return garbage.then(|| "<<&\u{1b}[2J".to_owned());
    }
    let name = match oddities.contains(&Oddity::HostileName) {
        true => "%1b%5B2J%24%7Bfile:/etc/hostname%7D%22",
        false => "Front%20door",
    };
    let lost = if oddities.contains(&Oddity::Ipv6First) { "http://[fe80::dead]/onvif/device_service " } else { "" };
    let (at, endpoint) = (address(DEVICE_SERVICE, http, oddities), endpoint(http.port()));
    let body = format!(
        "<d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>{endpoint}</wsa:Address>\
         </wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/type/video \
         onvif://www.onvif.org/name/{name} onvif://www.onvif.org/hardware/SIM-1</d:Scopes><d:XAddrs>{lost}{at}</d:XAddrs>\
         <d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>"
    );
    Some(envelope(&body, oddities))
}

/// The answer to a question that was admitted; `None` where the device does not know it.
pub(super) fn reply(question: &Question, http: SocketAddr, oddities: &[Oddity]) -> Option<String> {
    let old = oddities.contains(&Oddity::Old);
    let secure = |oddity: &[Oddity]| {
        let media = address("/onvif/media", http, oddities);
        if oddity.iter().any(|one| oddities.contains(one)) { media.replacen("http:", "https:", 1) } else { media }
    };
    let media = secure(&[Oddity::SecureServices, Oddity::SecureMedia]);
    let name = question.name.as_str();
    let content = match name {
        "GetSystemDateAndTime" => date(clock(oddities)),
        "GetDeviceInformation" => "<q:Manufacturer>Omma</q:Manufacturer><q:Model>SIM-1</q:Model>\
                                   <q:FirmwareVersion>1.0</q:FirmwareVersion>"
            .to_owned(),
        "GetServices" if !old => [MEDIA, MEDIA2]
            .map(|namespace| {
                format!("<q:Service><q:Namespace>{namespace}</q:Namespace><q:XAddr>{media}</q:XAddr></q:Service>")
            })
            .concat(),
        "GetCapabilities" => {
            let media = secure(&[Oddity::SecureMedia]);
            format!("<q:Capabilities><tt:Media><tt:XAddr>{media}</tt:XAddr></tt:Media></q:Capabilities>")
        }
        "GetProfiles" => {
            let sub = (!oddities.contains(&Oddity::NoSubStream)).then(|| profile("sub", 640, 360, question.media2));
            profile("main", 1920, 1080, question.media2) + &sub.unwrap_or_default()
        }
        "GetStreamUri" if question.media2 && oddities.contains(&Oddity::MuteMedia2) => return None,
        "GetStreamUri" if ["main", "sub"].contains(&question.profile.as_str()) => {
            let host = if oddities.contains(&Oddity::OtherHost) { "10.11.12.13" } else { "127.0.0.1" };
            let uri = format!("rtsp://{host}:8554/{}", question.profile);
            if question.media2 {
                format!("<q:Uri>{uri}</q:Uri>")
            } else {
                format!("<q:MediaUri><tt:Uri>{uri}</tt:Uri></q:MediaUri>")
            }
        }
        _ => return None,
    };
    Some(envelope(&format!("<q:{name}Response>{content}</q:{name}Response>"), oddities))
}

fn date(now: Timestamp) -> String {
    let now = now.to_zoned(TimeZone::UTC);
    format!(
        "<q:SystemDateAndTime><tt:UTCDateTime><tt:Time><tt:Hour>{}</tt:Hour><tt:Minute>{}</tt:Minute>\
         <tt:Second>{}</tt:Second></tt:Time><tt:Date><tt:Year>{}</tt:Year><tt:Month>{}</tt:Month><tt:Day>{}</tt:Day>\
         </tt:Date></tt:UTCDateTime></q:SystemDateAndTime>",
        now.hour(),
        now.minute(),
        now.second(),
        now.year(),
        now.month(),
        now.day()
    )
}

fn profile(token: &str, width: u32, height: u32, media2: bool) -> String {
    let source = "<tt:SourceToken>v0</tt:SourceToken>";
    let encoder = format!(
        "<tt:Encoding>H264</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>\
         </tt:Resolution><tt:RateControl><tt:FrameRateLimit>25</tt:FrameRateLimit><tt:BitrateLimit>2048</tt:BitrateLimit>\
         </tt:RateControl>"
    );
    let configurations = if media2 {
        format!(
            "<q:Configurations><q:VideoSource>{source}</q:VideoSource><q:VideoEncoder>{encoder}</q:VideoEncoder>\
             </q:Configurations>"
        )
    } else {
        format!(
            "<tt:VideoSourceConfiguration>{source}</tt:VideoSourceConfiguration>\
             <tt:VideoEncoderConfiguration>{encoder}</tt:VideoEncoderConfiguration>"
        )
    };
    format!("<q:Profiles token=\"{token}\"><tt:Name>{token} stream</tt:Name>{configurations}</q:Profiles>")
}
