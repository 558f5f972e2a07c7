//! A device's streams as `[[camera]]` of a configuration.
//!
//! Each of a device's cameras gives one or two: the largest picture, and a smaller one in H.264 where there is one, which
//! costs less to look at. What a device says of itself is data here: it can't end a text, nor have the edge look up a file
//! by `${…}`.

use std::cmp::Reverse;

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

/// The `[[camera]]`s of a device, TOML; empty where it has no stream that an edge takes.
pub fn lines(device: &Device, login: Option<&Login>) -> String {
    let (mut text, host) = (String::new(), slug(&device.address));
    for (choice, n) in choose(device).into_iter().zip(1..) {
        let id = if n == 1 { format!("cam-{host}") } else { format!("cam-{host}-{n}") };
        let name = if n == 1 { device.title().to_owned() } else { format!("{} {n}", device.title()) };
        let Some(sub) = choice.sub else {
            camera(&mut text, [&id, &name], choice.main, None, login);
            continue;
        };
        let shown = "placement = \"none\" # the main stream: shown, not looked at";
        camera(&mut text, [&id, &name], choice.main, Some(shown), login);
        let (id, name) = (format!("{id}-sub"), format!("{name}, small"));
        let looked_at = "placement = \"edge\" # the sub-stream: looked at, for it costs less";
        camera(&mut text, [&id, &name], sub, Some(looked_at), login);
    }
    text
}

fn camera(text: &mut String, [id, name]: [&str; 2], stream: &Stream, placement: Option<&str>, login: Option<&Login>) {
    let Some(url) = &stream.url else { return };
    let coding = &stream.coding;
    let rate = coding.rate_hz.map_or_else(String::new, |hz| format!(", up to {hz} a second"));
    let what = format!("{} {}x{}{rate}", coding.codec, coding.width, coding.height);
    // A name is for people and does without `$`; then it can name no file.
    let (name, url) = (quoted(&name.replace('$', "")), quoted(&with_login(url, login)));
    for line in [
        &*format!("[[camera]] # {what}"),
        &format!("id = \"{id}\""),
        &format!("name = {name}"),
        &format!("url = {url}"),
        placement.unwrap_or_default(),
    ] {
        text.push_str(line);
        text.push_str(if line.is_empty() { "" } else { "\n" });
    }
    text.push('\n');
}

/// With user name, and what stands for the password.
fn with_login(url: &Url, login: Option<&Login>) -> String {
    let (host, rest) = (&url[Position::BeforeHost..Position::BeforePath], &url[Position::BeforePath..]);
    let Some(login) = login else { return format!("{}://{host}{}", url.scheme(), rest.replace('$', "%24")) };
    let user = utf8_percent_encode(&login.user, NON_ALPHANUMERIC);
    // No URL holds a NUL.
    let rest = replaced(rest, login, "\0").replace('$', "%24").replace('\0', &login.placeholder);
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
