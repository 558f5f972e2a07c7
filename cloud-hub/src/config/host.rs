//! Hosts and ports as text: how others reach the hub and its broker.

use std::net::IpAddr;

use url::{Host, Position, Url};

pub(super) fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || (!text.contains([':', '[', '/']) && Host::parse(text).is_ok())
}

pub(super) fn is_host_and_port(text: &str) -> bool {
    let Ok(url) = Url::parse(&format!("mqtts://{text}")) else { return false };
    let is_alone = url.username().is_empty() && url.password().is_none() && url[Position::BeforePath..].is_empty();
    is_alone && url.host_str().is_some_and(|host| !host.is_empty()) && url.port().is_some_and(|port| port > 0)
}

pub(super) fn at_host(host: &str, port: u16) -> String {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}
