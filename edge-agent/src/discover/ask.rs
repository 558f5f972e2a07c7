//! The questions to one device, in their order: its clock, what it is, its services, its profiles, the address of each.

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
    match timeout(LIMIT, fill(&mut device, &services, heard, login)).await {
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

async fn fill(device: &mut Device, services: &[Url], heard: bool, login: Option<&Login>) -> Result<(), Finding> {
    let mut client = Client::new(login);
    let reached = reach(&mut client, device, services, heard).await?;
    // Where the login is refused it is not shown again: devices lock themselves after a few wrong ones.
    match client.learn(&reached, &Request::Information, answer::information).await {
        Ok(information) => {
            device.maker = information.maker;
            device.model = information.model.or(device.model.take());
            device.firmware = information.firmware;
        }
        Err(e) if e.is_about_login() => return Err(told(&e, "what it is", device)),
        Err(e) => {
            let finding = told(&e, "what it is", device);
            once(device, finding);
        }
    }
    let found = profiles(&mut client, device, &reached).await?;
    for (media, url, profile) in found {
        let Some(coding) = profile.coding else { continue };
        let asked = Request::StreamUri(media, profile.token.clone());
        let url = match client.learn(&url, &asked, answer::stream_uri).await {
            Ok(named) => taken(device, &named, &reached),
            Err(e) if e.is_about_login() => return Err(told(&e, "the address of a stream", device)),
            Err(e) => {
                let finding = told(&e, "the address of a stream", device);
                once(device, finding);
                None
            }
        };
        device.streams.push(Stream {
            profile: profile.name.unwrap_or(profile.token),
            source: profile.source,
            coding,
            shown: url.as_ref().map(|url| lines::shown(url, login)),
            url,
        });
    }
    if lines::choose(device).is_empty() {
        device.findings.push(advice::no_stream());
    }
    Ok(())
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

/// The profiles of the newer media service, or else of the older one, and where each is asked for.
async fn profiles(
    client: &mut Client<'_>,
    device: &Device,
    reached: &Url,
) -> Result<Vec<(Media, Url, answer::Profile)>, Finding> {
    let services = match client.learn(reached, &Request::Services, answer::services).await {
        // Devices from before 2011 know the other question alone.
        Err(e) if !e.is_about_login() => client.learn(reached, &Request::Capabilities, answer::capabilities).await,
        services => services,
    };
    let services = services.map_err(|e| told(&e, "its services", device))?;
    let mut failure = None;
    for (media, named) in [(Media::Two, services.media2), (Media::One, services.media)] {
        let Some(url) = named.and_then(|named| service(&named, reached)) else { continue };
        match client.learn(&url, &Request::Profiles(media), answer::profiles).await {
            Ok(profiles) if profiles.iter().any(|profile| profile.coding.is_some()) => {
                return Ok(profiles.into_iter().map(|profile| (media, url.clone(), profile)).collect());
            }
            Ok(_) => {}
            Err(e) if e.is_about_login() => return Err(told(&e, "its profiles", device)),
            Err(e) => failure = Some(told(&e, "its profiles", device)),
        }
    }
    failure.map_or(Ok(vec![]), Err)
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
        PostError::LoginRefused => advice::login_refused(device.clock_ahead_s),
        PostError::BasicOnly => advice::basic_only(),
        other => advice::unanswered(question, &other.to_string()),
    }
}
