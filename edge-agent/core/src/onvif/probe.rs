//! WS-Discovery (April 2005): who is there? (ONVIF Core §7)

use std::net::Ipv4Addr;

use percent_encoding::percent_decode_str;

use super::xml::{self, Malformed};
use crate::device_text::words;

/// Where devices listen, UDP.
pub const PORT: u16 = 3702;
/// The group of all devices.
pub const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
/// Most devices in one answer.
const MAX_MATCHES: usize = 64;
/// Most addresses of one device.
const MAX_ADDRESSES: usize = 8;
/// Longest address, bytes.
pub(super) const MAX_ADDRESS: usize = 1024;
/// What stands before what a device says of itself.
const SCOPE: &str = "onvif://www.onvif.org/";

/// What is looked for. Cameras of Profile S know themselves by the first, some newer ones only by the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `dn:NetworkVideoTransmitter`
    Transmitter,
    /// `tds:Device`
    Device,
}

/// A device that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name for life, usually `urn:uuid:…`; empty where it has none.
    pub endpoint: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// What its maker calls it.
    pub hardware: Option<String>,
    /// Where it says its device service is, as it stands: not to be relied on.
    pub addresses: Vec<String>,
}

/// A Probe (§5.2). `id` is a UUID of its own for each question, repetitions excepted.
pub fn probe(kind: Kind, id: &str) -> String {
    let (namespace, name) = match kind {
        Kind::Transmitter => ("http://www.onvif.org/ver10/network/wsdl", "NetworkVideoTransmitter"),
        Kind::Device => ("http://www.onvif.org/ver10/device/wsdl", "Device"),
    };
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header><a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</a:Action><a:MessageID>urn:uuid:{id}</a:MessageID><a:ReplyTo><a:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo><a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header><s:Body><d:Probe><d:Types xmlns:n="{namespace}">n:{name}</d:Types></d:Probe></s:Body></s:Envelope>"#
    )
}

/// The devices of a ProbeMatches (§5.3). Most answer for themselves alone.
///
/// # Errors
/// When the datagram is none.
pub fn matches(datagram: &[u8]) -> Result<Vec<Found>, Malformed> {
    let text = xml::text(datagram)?;
    let document = xml::parse(&text)?;
    let matches = xml::find(&document, "ProbeMatches")?;
    let found = matches.children().filter(|node| xml::is(*node, "ProbeMatch")).take(MAX_MATCHES);
    Ok(found
        .map(|found| {
            let scopes = xml::text_at(found, &["Scopes"]).unwrap_or_default();
            let addresses = xml::text_at(found, &["XAddrs"]).unwrap_or_default().split_whitespace();
            Found {
                endpoint: xml::words_at(found, &["EndpointReference", "Address"]).unwrap_or_default().to_lowercase(),
                name: scope(scopes, "name/"),
                hardware: scope(scopes, "hardware/"),
                addresses: addresses
                    .filter(|address| address.len() <= MAX_ADDRESS)
                    .take(MAX_ADDRESSES)
                    .map(str::to_owned)
                    .collect(),
            }
        })
        .collect())
}

/// What a device says of itself under this heading (ONVIF Core §7.3.2.2).
fn scope(scopes: &str, heading: &str) -> Option<String> {
    let value = scopes.split_whitespace().find_map(|scope| scope.strip_prefix(SCOPE)?.strip_prefix(heading))?;
    Some(words(&percent_decode_str(value).decode_utf8_lossy())).filter(|words| !words.is_empty())
}
