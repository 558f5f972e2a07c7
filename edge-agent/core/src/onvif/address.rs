//! The addresses that a device names, made to lead to the device that answered.
//!
//! Devices behind a router name the address that they have behind it; others name an IPv6 address first, one of another
//! network interface, or none at all. The one address that is known to be right is the one that the answer came from.

use std::net::IpAddr;

use url::{Host, Url};

/// The path of every device service (ONVIF Core §5.1.1).
const DEVICE_SERVICE: &str = "/onvif/device_service";
/// Most ways to a device service that are tried.
const MAX_WAYS: usize = 4;

/// Where the device service may be, the likeliest first. None where the device offers it over HTTPS only.
pub fn device_services(named: &[String], answered: IpAddr) -> Vec<Url> {
    let Some(usual) = usual(&in_url(answered)) else { return vec![] };
    let read: Vec<Url> = named.iter().filter_map(|text| usual.join(text).ok()).collect();
    if !read.is_empty() && read.iter().all(|url| url.scheme() == "https") {
        return vec![];
    }
    let its_own = |url: &&Url| url.host_str() == usual.host_str();
    let (right, others): (Vec<&Url>, Vec<&Url>) = read.iter().filter(|url| url.scheme() == "http").partition(its_own);
    let mut ways: Vec<Url> = vec![];
    for way in right.into_iter().chain(others).chain([&usual]).filter_map(|url| led_to(url, &usual)) {
        if !ways.contains(&way) && ways.len() < MAX_WAYS {
            ways.push(way);
        }
    }
    ways
}

/// Where the device service of a host is that was named by a person, who need not know more.
pub fn usual(host: &str) -> Option<Url> {
    Url::parse(&format!("http://{host}{DEVICE_SERVICE}")).ok()
}

/// Where a service is that the device service at `device` names. Where the device believes to be at another address, it
/// does not know under which port it is reached either.
pub fn service(named: &str, device: &Url) -> Option<Url> {
    let read = device.join(named).ok().filter(|url| url.scheme() == "http")?;
    let mut url = led_to(&read, device)?;
    if read.host_str() != device.host_str() {
        url.set_port(device.port()).ok()?;
    }
    Some(url)
}

/// A stream's address as it is to be used, and the host that the device named where that is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Without user name and password.
    pub url: Url,
    /// The device's own idea of its address.
    pub named_host: Option<String>,
}

/// Where a stream is. `None` where the address is not one of RTSP.
pub fn stream(named: &str, device: &Url) -> Option<Stream> {
    let base = Url::parse(&format!("rtsp://{}/", device.host_str()?)).ok()?;
    let read = base.join(named).ok().filter(|url| url.scheme() == "rtsp")?;
    let host = read.host_str().filter(|host| !host.is_empty())?;
    let named_host = (Some(host) != device.host_str()).then(|| host.to_owned());
    Some(Stream { url: led_to(&read, &base)?, named_host })
}

/// Port, path and query of one address at the host of another, without user name, password and fragment.
fn led_to(url: &Url, host: &Url) -> Option<Url> {
    let mut url = url.clone();
    url.set_host(host.host_str()).ok()?;
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_fragment(None);
    Some(url)
}

/// An address as it stands in a URL (RFC 3986 §3.2.2): one of IPv6 in brackets.
pub fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => Host::<String>::Ipv4(address).to_string(),
        IpAddr::V6(address) => Host::<String>::Ipv6(address).to_string(),
    }
}
