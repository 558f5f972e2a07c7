//! A device's streams as `[[camera]]` of a configuration.
//!
//! Each of a device's cameras gives one: the largest picture is shown; where there is a smaller one in H.264, the edge
//! looks at that, which costs less. What a device says of itself is data here: it can't end a text, nor have the edge look
//! up a file by `${…}`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

use super::device::{Device, Stream};
use super::security::Login;

/// Codecs that an edge takes over RTSP.
const TAKEN: [&str; 2] = ["H264", "H265"];
/// A picture that is narrower shows too little of a person, pixels.
const NARROWEST: u32 = 320;
/// Longest host within a camera's id, bytes.
const LONGEST_HOST: usize = 40;

/// The streams of one of a device's cameras.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice<'a> {
    /// The largest.
    pub main: &'a Stream,
    /// The one to look at, where it is another.
    pub sub: Option<&'a Stream>,
}

/// Main and sub-stream of each of a device's cameras, in its order.
pub fn choose(device: &Device) -> Vec<Choice<'_>> {
    let usable = |stream: &&Stream| stream.url.is_some() && TAKEN.contains(&stream.coding.codec.as_str());
    let mut sources: Vec<Option<&str>> = vec![];
    for stream in device.streams.iter().filter(usable) {
        if !sources.contains(&stream.source.as_deref()) {
            sources.push(stream.source.as_deref());
        }
    }
    let chosen = sources.into_iter().filter_map(|source| {
        let of_it = || device.streams.iter().filter(usable).filter(move |stream| stream.source.as_deref() == source);
        // Of equals the first, as the device puts its better ones first.
        let main = of_it().min_by_key(|stream| Reverse(stream.coding.pixels()))?;
        let fit = |stream: &&Stream| {
            let coding = &stream.coding;
            coding.codec == "H264" && coding.width >= NARROWEST && coding.pixels() < main.coding.pixels()
        };
        Some(Choice { main, sub: of_it().filter(fit).min_by_key(|stream| stream.coding.pixels()) })
    });
    chosen.collect()
}

/// The `[[camera]]`s of all devices, TOML; empty where none has a stream that an edge takes. The login is in those of
/// devices that asked for it.
pub fn lines(devices: &[Device], login: Option<&Login>) -> String {
    let (mut text, mut ids) = (String::new(), Ids::default());
    for device in devices {
        for (choice, n) in choose(device).into_iter().zip(1..) {
            let name = if n == 1 { device.title().to_owned() } else { format!("{} {n}", device.title()) };
            let address = |stream: &Stream| {
                let url = stream.url.as_ref()?;
                Some((quoted(&with_login(url, login, device.asks_login)), described(stream)))
            };
            let Some((url, what)) = address(choice.main) else { continue };
            // A name is for people and does without `$`; then it can name no file.
            let name = quoted(&name.replace('$', ""));
            let id = ids.next(&device.address);
            text.push_str(&format!("[[camera]] # {what}\nid = \"{id}\"\nname = {name}\nurl = {url}\n"));
            if let Some((url, what)) = choice.sub.and_then(address) {
                text.push_str(&format!("sub_url = {url} # {what}: looked at, for it costs less\n"));
                text.push_str("placement = \"edge\"\n");
            }
            text.push('\n');
        }
    }
    text
}

/// The ids of cameras, each there once: two devices may be behind one address, and two addresses give one slug.
#[derive(Debug, Default)]
struct Ids {
    last: BTreeMap<String, u32>,
    used: BTreeSet<String>,
}

impl Ids {
    fn next(&mut self, address: &str) -> String {
        let host = slug(address);
        let n = self.last.entry(host.clone()).or_default();
        loop {
            *n += 1;
            let id = if *n == 1 { format!("cam-{host}") } else { format!("cam-{host}-{n}") };
            if self.used.insert(id.clone()) {
                return id;
            }
        }
    }
}

fn described(stream: &Stream) -> String {
    let coding = &stream.coding;
    let rate = coding.rate_hz.map_or_else(String::new, |hz| format!(", up to {hz} a second"));
    format!("{} {}x{}{rate}", coding.codec, coding.width, coding.height)
}

/// With user name, and what stands for the password, where the device asked for them; else whoever plays a camera would be
/// given them by the edge. Some devices have the password in path or query: it is replaced there in any case.
fn with_login(url: &Url, login: Option<&Login>, asked: bool) -> String {
    let (host, rest) = (&url[Position::BeforeHost..Position::BeforePath], &url[Position::BeforePath..]);
    let Some(login) = login else { return format!("{}://{host}{}", url.scheme(), rest.replace('$', "%24")) };
    // No URL holds a NUL.
    let rest = replaced(rest, login, "\0").replace('$', "%24").replace('\0', &login.placeholder);
    if !asked {
        return format!("{}://{host}{rest}", url.scheme());
    }
    let user = utf8_percent_encode(&login.user, NON_ALPHANUMERIC);
    format!("{}://{user}:{}@{host}{rest}", url.scheme(), login.placeholder)
}

/// A stream's address as it is shown: without the password, should it be in there.
pub fn shown(url: &Url, login: Option<&Login>) -> String {
    let rest = &url[Position::BeforePath..];
    let rest = login.map_or_else(|| rest.to_owned(), |login| replaced(rest, login, "<secret>"));
    format!("{}{rest}", &url[..Position::BeforePath])
}

/// Some devices take the password in path or query, as it is or percent-encoded.
fn replaced(rest: &str, login: &Login, by: &str) -> String {
    let password = login.password.expose().as_str();
    if password.is_empty() {
        return rest.to_owned();
    }
    let encoded = utf8_percent_encode(password, NON_ALPHANUMERIC).to_string();
    let parts = rest.split(encoded.as_str()).map(|part| part.replace(password, by));
    parts.collect::<Vec<_>>().join(by)
}

/// A basic string of TOML, whose escapes include all of JSON's.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

/// What a camera's id may hold.
fn slug(address: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    address.chars().take(LONGEST_HOST).map(allowed).collect::<String>().trim_matches('-').to_owned()
}
