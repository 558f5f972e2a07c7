//! The questions to one device, in their order: its clock, its services, its profiles, the address of each, what it is.

use std::time::Duration;

use edge_core::doctor::diagnose::Finding;
use edge_core::onvif::address::{self, service};
use edge_core::onvif::device::{Device, Stream};
use edge_core::onvif::request::{Media, Request};
use edge_core::onvif::security::Login;
use edge_core::onvif::{advice, answer, lines};
use tokio::time::timeout;
use url::{Position, Url};

use super::post::{Client, PostError, unix_s};

/// For all questions to one device. A recorder is asked more than a hundred.
const LIMIT: Duration = Duration::from_secs(40);

/// A device that may be there.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What is known of it.
    pub(super) device: Device,
    /// Where its device service may be; nowhere where that is offered over HTTPS only.
    pub(super) services: Vec<Url>,
    /// Whether it has answered the search.
    pub(super) heard: bool,
}

/// Asks for everything. What goes wrong is among the findings.
pub(super) async fn ask(candidate: Candidate, login: Option<&Login>) -> Device {
    let Candidate { mut device, services, heard } = candidate;
    if services.is_empty() {
        device.findings.push(advice::only_https());
        return device;
    }
    let mut client = Client::new(login);
    let asked = timeout(LIMIT, fill(&mut client, &mut device, &services, heard)).await;
    // However it ended: the lines for the configuration depend on it.
    device.asks_login = client.asks_login;
    match asked {
        Ok(Ok(())) => {}
        Ok(Err(finding)) => device.findings.push(finding),
        Err(_) => device.findings.push(advice::slow(LIMIT.as_secs())),
    }
    device
}

/// Host, and port where it is not the usual one.
pub(super) fn address_of(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

/// What was not told, and why.
struct Unanswered(&'static str, PostError);

async fn fill(client: &mut Client<'_>, device: &mut Device, services: &[Url], heard: bool) -> Result<(), Finding> {
    let reached = reach(client, device, services, heard).await?;
    // Where the login is refused it is not shown again: devices lock themselves after a few wrong ones.
    streams(client, device, &reached).await?;
    // Last, for some refuse this to users whom they tell their streams.
    match client.learn(&reached, &Request::Information, answer::information).await {
        Ok(information) => {
            device.maker = information.maker;
            device.model = information.model.or(device.model.take());
            device.firmware = information.firmware;
        }
        Err(e) => once(device, advice::unanswered("what it is", &e.to_string())),
    }
    Ok(())
}

/// The streams of the newer media service; of the older one where that tells no address.
///
/// # Errors
/// When it is about the login. What else goes wrong is among the findings.
async fn streams(client: &mut Client<'_>, device: &mut Device, reached: &Url) -> Result<(), Finding> {
    let mut failure = None;
    match media(client, reached).await {
        Ok(services) => {
            if services.is_empty() {
                failure = Some(advice::no_media());
            }
            for (media, url) in services {
                match streams_of(client, device, (media, &url), reached).await {
                    Ok(()) => {}
                    Err(Unanswered(question, e)) if e.is_about_login() => return Err(told(&e, question, device)),
                    Err(Unanswered(question, e)) => failure = Some(told(&e, question, device)),
                }
                if device.streams.iter().any(|stream| stream.url.is_some()) {
                    failure = None;
                    break;
                }
            }
        }
        Err(e) if e.is_about_login() => return Err(told(&e, "its services", device)),
        Err(e) => failure = Some(told(&e, "its services", device)),
    }
    if let Some(finding) = failure {
        once(device, finding);
    } else if lines::choose(device).is_empty() {
        device.findings.push(advice::no_stream());
    }
    Ok(())
}

/// The streams of one media service, in place of those known so far. That some of them have no address is a finding; that
/// none has one is an error.
async fn streams_of(
    client: &mut Client<'_>,
    device: &mut Device,
    (media, service): (Media, &Url),
    reached: &Url,
) -> Result<(), Unanswered> {
    let profiles = client.learn(service, &Request::Profiles(media), answer::profiles).await;
    let mut profiles = profiles.map_err(|e| Unanswered("its profiles", e))?;
    profiles.retain(|profile| profile.coding.is_some());
    if profiles.is_empty() {
        return Ok(());
    }
    device.streams.clear();
    let mut failure = None;
    for profile in profiles {
        let shown_as = profile.title();
        let Some(coding) = profile.coding else { continue };
        let asked = Request::StreamUri(media, profile.token);
        let url = match client.learn(service, &asked, answer::stream_uri).await {
            Ok(named) => taken(device, &named, reached),
            Err(e) if e.is_about_login() => return Err(Unanswered("the address of a stream", e)),
            Err(e) => {
                failure = failure.or(Some(e));
                None
            }
        };
        device.streams.push(Stream {
            profile: shown_as,
            source: profile.source,
            coding,
            shown: url.as_ref().map(|url| lines::shown(url, client.login)),
            url,
        });
    }
    match failure.map(|e| Unanswered("the address of a stream", e)) {
        Some(Unanswered(question, e)) if device.streams.iter().any(|stream| stream.url.is_some()) => {
            let finding = told(&e, question, device);
            once(device, finding);
            Ok(())
        }
        Some(unanswered) => Err(unanswered),
        None => Ok(()),
    }
}

/// Finds the device service, and the device's clock.
async fn reach(client: &mut Client<'_>, device: &mut Device, services: &[Url], heard: bool) -> Result<Url, Finding> {
    let mut why = String::new();
    for url in services {
        let date = match client.learn(url, &Request::Date, answer::date).await {
            Ok(date) => date,
            // A device, and one that does not tell its time to strangers.
            Err(PostError::Fault(_)) => None,
            Err(e) if e.is_about_login() => None,
            Err(e) => {
                why = e.to_string();
                continue;
            }
        };
        device.reached = true;
        device.address = address_of(url);
        if let Some(date) = date {
            let ahead_s = date.saturating_sub(unix_s());
            client.ahead_s = ahead_s;
            device.clock_ahead_s = Some(ahead_s);
            device.findings.extend(advice::clock(ahead_s));
        }
        return Ok(url.clone());
    }
    Err(if heard { advice::mute(&why) } else { advice::no_answer(&why) })
}

/// The media services that can be asked, the newer one first.
async fn media(client: &mut Client<'_>, reached: &Url) -> Result<Vec<(Media, Url)>, PostError> {
    let usable = |services: answer::Services| {
        let named = [(Media::Two, services.media2), (Media::One, services.media)];
        let usable = named.into_iter().filter_map(|(media, named)| Some((media, service(&named?, reached)?)));
        usable.collect::<Vec<_>>()
    };
    let newer = match client.learn(reached, &Request::Services, answer::services).await {
        Err(e) if e.is_about_login() => return Err(e),
        newer => newer.map(usable),
    };
    if newer.as_ref().is_ok_and(|services| !services.is_empty()) {
        return newer;
    }
    // Devices from before 2011 know this question alone; others answer it with an address that can be asked.
    match (client.learn(reached, &Request::Capabilities, answer::capabilities).await, newer) {
        (Ok(services), _) => Ok(usable(services)),
        (Err(e), newer) if e.is_about_login() || newer.is_err() => Err(e),
        (Err(_), newer) => newer,
    }
}

/// A stream's address as it is to be used.
fn taken(device: &mut Device, named: &str, reached: &Url) -> Option<Url> {
    let stream = address::stream(named, reached)?;
    if let Some(host) = &stream.named_host {
        once(device, advice::other_host(host));
    }
    let path = stream.url[Position::BeforePath..].to_lowercase();
    if ["pass", "pwd"].iter().any(|word| path.contains(word)) {
        once(device, advice::password_in_address());
    }
    Some(stream.url)
}

/// What is true of many streams is said once.
fn once(device: &mut Device, finding: Finding) {
    if !device.findings.iter().any(|known| known.code == finding.code) {
        device.findings.push(finding);
    }
}

fn told(error: &PostError, question: &str, device: &Device) -> Finding {
    match error {
        PostError::LoginMissing => advice::login_missing(),
        PostError::LoginRefused { basic } => advice::login_refused(device.clock_ahead_s, *basic),
        other => advice::unanswered(question, &other.to_string()),
    }
}
