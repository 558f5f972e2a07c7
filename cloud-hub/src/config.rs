//! The hub's configuration, in two stages: as written, then as checked.
//!
//! [`written`] mirrors the file, section by section, with defaults; every fault of form is found there. [`Config`] is
//! what the rest of the hub reads: what is here has been checked across keys, and all faults are reported at once.

mod host;

mod written;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hub_core::retention::Rules;
use omma_protocol::secret::Secret;
use omma_runtime::config::{self, Faults};
use omma_vision::detect::objections;
use url::Url;

use crate::infer::InferConfig;
use crate::live::LiveConfig;
use host::{at_host, is_host, is_host_and_port};
use written::Written;

/// Environment variables that override the file begin with this.
pub const PREFIX: &str = "OMMA_HUB";

const MAX_THREADS: usize = 64;
const MAX_RATE: f32 = 60.0;
/// Ten years.
const MAX_DAYS: u32 = 3650;
/// Room for the database, and some pictures.
const MIN_BUDGET: u64 = 100;
const MB: u64 = 1_000_000;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The configuration as checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of everything that lasts.
    pub data: PathBuf,
    /// How edges reach this machine; stands in join tokens and in the certificate.
    pub public_host: String,
    /// Where the page and the interface are (TCP).
    pub http: SocketAddr,
    /// Where edges bring what is perishable (UDP).
    pub quic: SocketAddr,
    /// Where edges bring what must last.
    pub broker: BrokerConfig,
    /// The events' database.
    pub database: PathBuf,
    /// How long events are kept.
    pub retention: Rules,
    /// The hub's own eye.
    pub infer: InferConfig,
    /// Live video.
    pub live: LiveConfig,
    /// What works, and should be written otherwise. Holds no secret.
    pub warnings: Vec<String>,
}

/// Which broker.
#[derive(Debug, Clone)]
pub enum BrokerConfig {
    /// None: edges bring over QUIC what must last.
    Absent,
    /// The one in the box.
    Embedded(Embedded),
    /// One that is there already.
    External(External),
}

/// Settings of the broker in the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// For edges and everything that comes from afar: TLS.
    pub tls: SocketAddr,
    /// For integrations on this machine: plain.
    pub plain: Option<SocketAddr>,
    /// Whether anyone may listen on the plain one.
    pub anonymous_read: bool,
}

impl Embedded {
    /// Whether nobody but this machine reaches the plain listener.
    pub fn plain_is_local(&self) -> bool {
        self.plain.is_none_or(|address| address.ip().to_canonical().is_loopback())
    }
}

/// How to reach another broker.
#[derive(Debug, Clone)]
pub struct External {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// File of the authority to trust; plain MQTT without.
    pub ca: Option<PathBuf>,
    /// User and password.
    pub credentials: Option<(String, Secret<String>)>,
    /// `host:port` that join tokens name.
    pub public: String,
}

impl Config {
    /// Reads and checks the file, where one is given, and the environment.
    ///
    /// # Errors
    /// Every fault found, each with line and key.
    pub fn load(path: Option<&Path>) -> Result<Self, Faults> {
        let (written, faults) = config::read::<Written>(path, PREFIX)?;
        Self::check(written, faults)
    }

    /// As [`Config::load`], of a text.
    ///
    /// # Errors
    /// Every fault found.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let (written, faults) = config::parse::<Written>(text, None, PREFIX, [])?;
        Self::check(written, faults)
    }

    /// `host:port` of the QUIC ingest, as join tokens name it.
    pub fn public_quic(&self) -> String {
        at_host(&self.public_host, self.quic.port())
    }

    /// `host:port` of the broker, as join tokens name it; empty where there is none.
    pub fn public_mqtts(&self) -> String {
        match &self.broker {
            BrokerConfig::Absent => String::new(),
            BrokerConfig::Embedded(broker) => at_host(&self.public_host, broker.tls.port()),
            BrokerConfig::External(broker) => broker.public.clone(),
        }
    }

    /// How the hub's listeners are reached: what its certificate names. Where the broker listens on one address only,
    /// that is among them, because the hub's own client dials it.
    pub fn hosts(&self) -> Vec<String> {
        let broker = match &self.broker {
            BrokerConfig::Embedded(broker) => Some(broker.tls.ip()).filter(|ip| !ip.is_unspecified()),
            BrokerConfig::Absent | BrokerConfig::External(_) => None,
        };
        [self.public_host.clone()].into_iter().chain(broker.map(|ip| ip.to_string())).collect()
    }

    fn check(written: Written, mut faults: Faults) -> Result<Self, Faults> {
        let public_host = written.hub.public_host;
        if !is_host(&public_host) {
            faults.push("hub.public_host", "expected a host name or address without port, such as \"hub.example\"");
        }
        let broker = check_broker(written.broker, &mut faults);
        let database = match written.store.url.as_deref() {
            None => written.hub.data.join("omma.db"),
            Some(url) => match url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) {
                Some(path) => path.into(),
                None => {
                    faults
                        .push("store.url", "expected \"sqlite://\" and a path, such as \"sqlite:///var/lib/omma.db\"");
                    PathBuf::new()
                }
            },
        };
        let retention = check_retention(&written.store, &mut faults);
        let infer = check_infer(written.infer, &mut faults);
        let live = check_live(written.live, &mut faults);
        let config = Self {
            data: written.hub.data,
            public_host,
            http: written.http.listen,
            quic: written.ingest.quic,
            broker,
            database,
            retention,
            infer,
            live,
            warnings: faults.warnings().collect(),
        };
        config.check_ports(&mut faults);
        faults.into_result()?;
        Ok(config)
    }

    /// Two listeners on one port would fail at start with half of the hub up: say it before.
    fn check_ports(&self, faults: &mut Faults) {
        let mut tcp = vec![("http.listen", self.http)];
        if let BrokerConfig::Embedded(broker) = &self.broker {
            tcp.push(("broker.tls_listen", broker.tls));
            tcp.extend(broker.plain.map(|plain| ("broker.listen", plain)));
        }
        let udp = vec![("ingest.quic", self.quic), ("live.udp", self.live.udp)];
        for listeners in [tcp, udp] {
            for (i, (key, address)) in listeners.iter().enumerate() {
                if let Some((other, _)) = listeners[..i].iter().find(|(_, other)| clash(*other, *address)) {
                    faults.push(key, format!("{other} has port {} already: choose another", address.port()));
                }
            }
        }
    }
}

fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let same_ip = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && same_ip
}

fn check_broker(written: written::Broker, faults: &mut Faults) -> BrokerConfig {
    let embedded = Embedded {
        tls: written.tls_listen.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8883))),
        plain: written.listen,
        anonymous_read: written.anonymous_read.unwrap_or(false),
    };
    if written.enabled == Some(false) {
        for (key, there) in [
            ("broker.listen", written.listen.is_some()),
            ("broker.tls_listen", written.tls_listen.is_some()),
            ("broker.anonymous_read", written.anonymous_read.is_some()),
            ("broker.url", written.url.is_some()),
            ("broker.ca", written.ca.is_some()),
            ("broker.public", written.public.is_some()),
        ] {
            if there {
                faults.push(key, "there is no broker (broker.enabled = false): remove one of them");
            }
        }
        return BrokerConfig::Absent;
    }
    let Some(url) = written.url else {
        for (key, there) in [("broker.ca", written.ca.is_some()), ("broker.public", written.public.is_some())] {
            if there {
                faults.push(key, "belongs to another broker: set broker.url too, or remove it");
            }
        }
        if embedded.anonymous_read && embedded.plain.is_none() {
            faults.push("broker.anonymous_read", "has no effect without broker.listen: set that too");
        }
        if embedded.anonymous_read && !embedded.plain_is_local() {
            let message = "anyone who reaches broker.listen could read all events: set that to 127.0.0.1, or remove \
                           this and let others read with the sign-in token on broker.tls_listen";
            faults.push("broker.anonymous_read", message);
        }
        return BrokerConfig::Embedded(embedded);
    };
    for (key, there) in [
        ("broker.listen", written.listen.is_some()),
        ("broker.tls_listen", written.tls_listen.is_some()),
        ("broker.anonymous_read", written.anonymous_read.is_some()),
    ] {
        if there {
            faults.push(key, "belongs to the broker in the box, which broker.url replaces: remove one of them");
        }
    }
    match external(url.expose(), written.ca, written.public, faults) {
        Some(external) => BrokerConfig::External(external),
        None => BrokerConfig::Embedded(embedded),
    }
}

/// None where there are faults. They hold nothing of the URL: it may contain a password.
fn external(url: &str, ca: Option<PathBuf>, public: Option<String>, faults: &mut Faults) -> Option<External> {
    const FORM: &str = "expected \"mqtt://user:password@host:1883\" or \"mqtts://…:8883\"";
    let url = Url::parse(url).ok();
    let place = url.as_ref().and_then(|url| {
        let (port, tls) = match url.scheme() {
            "mqtt" => (1883, false),
            "mqtts" => (8883, true),
            _ => return None,
        };
        let host = url.host_str().filter(|host| !host.is_empty())?;
        Some((host, url.port().unwrap_or(port), tls))
    });
    if place.is_none() {
        faults.push("broker.url", FORM);
    }
    let credentials = url.as_ref().map_or(Ok(None), credentials);
    if let Err(wrong) = &credentials {
        faults.push("broker.url", *wrong);
    }
    let misfit = match (&ca, place.map(|(.., tls)| tls)) {
        (None, Some(true)) => Some("needed with mqtts://: a PEM file with the authority to trust"),
        (Some(_), Some(false)) => Some("has no effect with mqtt://: use mqtts://, or remove it"),
        (Some(file), _) if !file.is_file() => Some("expected a PEM file: there is none"),
        _ => None,
    };
    if let Some(misfit) = misfit {
        faults.push("broker.ca", misfit);
    }
    if public.as_deref().is_some_and(|public| !is_host_and_port(public)) {
        faults.push(
            "broker.public",
            "expected host and port, as edges reach the broker, such as \"broker.example:8883\"",
        );
    }
    let ((host, port, _), Ok(credentials), None) = (place?, credentials, misfit) else { return None };
    let public = public.unwrap_or_else(|| at_host(host, port));
    Some(External { host: host.trim_matches(['[', ']']).to_owned(), port, ca, credentials, public })
}

fn credentials(url: &Url) -> Result<Option<(String, Secret<String>)>, &'static str> {
    let decode = |text| percent_decoded(text).ok_or("%-codes in user or password are wrong");
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, password) => Ok(Some((decode(user)?, Secret::new(decode(password.unwrap_or_default())?)))),
    }
}

/// RFC 3986 §2.1.
fn percent_decoded(text: &str) -> Option<String> {
    let mut out = vec![];
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

fn check_retention(written: &written::Store, faults: &mut Faults) -> Rules {
    if written.keep_days.is_some_and(|days| !(1..=MAX_DAYS).contains(&days)) {
        faults.push(
            "store.keep_days",
            format!("expected 1 to {MAX_DAYS}; leave it out to keep all that there is room for"),
        );
    }
    if written.budget_mb.is_some_and(|budget| budget < MIN_BUDGET) {
        faults.push("store.budget_mb", format!("expected at least {MIN_BUDGET}"));
    }
    Rules {
        keep: written.keep_days.map(|days| DAY * days),
        budget: written.budget_mb.map(|budget| budget.saturating_mul(MB)),
        reserve: written.min_free_mb.saturating_mul(MB),
    }
}

fn check_infer(written: written::Infer, faults: &mut Faults) -> InferConfig {
    let (labels, library) = (written.labels.as_deref(), written.onnxruntime.as_deref());
    for (key, objection) in written.model.iter().flat_map(|model| objections(model, labels, written.engine, library)) {
        faults.push(&format!("infer.{key}"), objection);
    }
    if written.labels.as_ref().is_some_and(Vec::is_empty) {
        faults.push("infer.labels", "expected at least one label; leave it out for all of the model");
    }
    if !(1..=MAX_THREADS).contains(&written.threads) {
        faults.push("infer.threads", format!("expected 1 to {MAX_THREADS}"));
    }
    if !(0.0..=1.0).contains(&written.min_score) {
        faults.push("infer.min_score", "expected 0 to 1");
    }
    if !(written.rate > 0.0 && written.rate <= MAX_RATE) {
        faults.push("infer.rate", format!("expected more than 0, at most {MAX_RATE} looks a second"));
    }
    InferConfig {
        model: written.model,
        engine: written.engine,
        onnxruntime: written.onnxruntime,
        threads: written.threads,
        min_score: written.min_score,
        labels: written.labels,
        rate: written.rate,
    }
}

fn check_live(written: written::Live, faults: &mut Faults) -> LiveConfig {
    if written.udp.ip().is_unspecified() && written.announce.is_empty() {
        let message = "listens on all addresses: name in live.announce those that viewers reach, or listen on one";
        faults.push("live.udp", message);
    }
    if written.max_sessions == 0 {
        faults.push("live.max_sessions", "expected 1 or more");
    }
    LiveConfig { udp: written.udp, announce: written.announce, max_sessions: written.max_sessions }
}

#[cfg(test)]
mod tests;
