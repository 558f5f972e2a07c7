//! Asked by the broker: who is it, and may it say and hear that.
//!
//! Rights are asked for at SUBSCRIBE and PUBLISH. rmqtt does not ask them for a last will, which a client names at
//! CONNECT and which is published when it can't be asked any more: it is judged at CONNECT here.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use hub_core::fence::Client;
use omma_protocol::id::EdgeId;
use omma_protocol::secret::Secret;
use rmqtt::codec::v5::SubscribeAckReason;
use rmqtt::context::ServerContext;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType, Type};
use rmqtt::types::{AuthResult, ConnectInfo, Id, LastWill, PublishAclResult, Reason, Subscribe, SubscribeAclResult};
use subtle::ConstantTimeEq;

use super::guests::Guests;
use super::{Doors, HUB_USER, PLAIN, READER_USER};
use crate::config::Embedded;

/// MQTT's number of version 5 in CONNECT (MQTT 5.0 §3.1.2.2).
const VERSION_5: u8 = 5;

#[derive(Clone)]
pub(super) struct Gatekeeper(Arc<Rules>);

struct Rules {
    doors: Doors,
    guests: Guests,
    hub_password: Secret<String>,
    anonymous_read: bool,
    plain_is_local: bool,
}

/// Why someone is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// Counts as an attempt.
    Password,
    /// Right or not, not here or not like this.
    Right,
}

impl Gatekeeper {
    pub(super) fn new(doors: Doors, guests: Guests, hub_password: Secret<String>, config: &Embedded) -> Self {
        let (anonymous_read, plain_is_local) = (config.anonymous_read, config.plain_is_local());
        Self(Arc::new(Rules { doors, guests, hub_password, anonymous_read, plain_is_local }))
    }

    pub(super) async fn register(&self, context: &ServerContext) {
        let register = context.extends.hook_mgr().register();
        for kind in [
            Type::ClientAuthenticate,
            Type::ClientSubscribeCheckAcl,
            Type::MessagePublishCheckAcl,
            Type::ClientDisconnected,
        ] {
            register.add(kind, Box::new(self.clone())).await;
        }
        register.start().await;
    }
}

impl Rules {
    fn authenticate(&self, connect: &ConnectInfo) -> AuthResult {
        let id = connect.id();
        let Some(address) = connect.ipaddress().and_then(|seen| self.guests.from(seen)) else {
            tracing::debug!(client_id = %id.client_id, "not let in: it came past the doors");
            return self.refuse(None, Refusal::Right);
        };
        let password = connect.password().map(|p| p.as_ref());
        let verdict = self.who(id.lid, connect.username().map(|u| &**u), password).and_then(|client| {
            let will = connect.last_will();
            let topic = will.as_ref().map(will_topic);
            let may = topic.is_none_or(|topic| client.may_publish(topic)) && client.may_be_called(&id.client_id);
            if may { Ok(client) } else { Err(Refusal::Right) }
        });
        match verdict {
            Ok(client) => {
                tracing::debug!(?client, client_id = %id.client_id, "let in");
                AuthResult::Allow(false, None)
            }
            Err(refusal) => {
                tracing::debug!(?refusal, client_id = %id.client_id, "not let in");
                self.refuse(Some(address.ip()), refusal)
            }
        }
    }

    /// Only who shows a wrong password is slowed down: others behind the same address may have the right one.
    fn refuse(&self, address: Option<IpAddr>, refusal: Refusal) -> AuthResult {
        match (refusal, address) {
            (Refusal::Password, Some(address)) => match self.doors.attempts.wrong(address, "mqtt") {
                Some(_) => AuthResult::NotAuthorized,
                None => AuthResult::BadUsernameOrPassword,
            },
            (Refusal::Password, None) => AuthResult::BadUsernameOrPassword,
            (Refusal::Right, _) => {
                metrics::counter!("omma_broker_refused_total", "at" => "connect").increment(1);
                AuthResult::NotAuthorized
            }
        }
    }

    fn who(&self, listener: u16, user: Option<&str>, password: Option<&[u8]>) -> Result<Client, Refusal> {
        let plain = listener == PLAIN;
        let local = plain && self.plain_is_local;
        let Some(user) = user else {
            return if local && self.anonymous_read { Ok(Client::Reader) } else { Err(Refusal::Right) };
        };
        let password = password.and_then(|p| std::str::from_utf8(p).ok()).ok_or(Refusal::Password)?;
        let check = |right: bool, client| if right { Ok(client) } else { Err(Refusal::Password) };
        match user {
            READER_USER if local || !plain => check(self.doors.access.check(password), Client::Reader),
            // No secret may cross a network in the clear, and one that opens more than reading not even this machine.
            _ if plain => Err(Refusal::Right),
            HUB_USER => {
                let right = self.hub_password.expose().as_bytes().ct_eq(password.as_bytes()).into();
                check(right, Client::Hub)
            }
            edge => {
                let edge: EdgeId = edge.parse().map_err(|_| Refusal::Password)?;
                check(self.doors.edges.check(&edge, password), Client::Edge(edge))
            }
        }
    }
}

/// Who a client is that was let in: its user name was proven then.
fn client(id: &Id) -> Option<Client> {
    match id.username.as_deref() {
        None | Some(READER_USER) => Some(Client::Reader),
        Some(HUB_USER) => Some(Client::Hub),
        Some(edge) => edge.parse().ok().map(Client::Edge),
    }
}

fn will_topic<'a>(will: &LastWill<'a>) -> &'a str {
    match will {
        LastWill::V3(will) => &will.topic,
        LastWill::V5(will) => &will.topic,
    }
}

fn subscribe(id: &Id, subscribe: &Subscribe) -> SubscribeAclResult {
    if client(id).is_some_and(|client| client.may_subscribe(&subscribe.topic_filter)) {
        return SubscribeAclResult::new_success(subscribe.opts.qos(), None);
    }
    metrics::counter!("omma_broker_refused_total", "at" => "subscribe").increment(1);
    SubscribeAclResult::new_failure(SubscribeAckReason::NotAuthorized)
}

/// Why a client that was let in is gone.
fn word(reason: &Reason) -> &'static str {
    match reason {
        Reason::ConnectDisconnect(_) => "goodbye",
        Reason::ConnectRemoteClose => "closed",
        Reason::ConnectReadWriteTimeout | Reason::ConnectKeepaliveTimeout => "silent",
        Reason::ConnectReadWriteError => "cut",
        Reason::ConnectKicked(_) => "replaced",
        // A message that nobody may publish ends a client of version 3.1.1, too.
        Reason::PublishResult(_) => "refused",
        Reason::ProtocolError(_) | Reason::MqttError(_) | Reason::Error(_) => "protocol",
        Reason::Reasons(reasons) => reasons.first().map_or("other", word),
        _ => "other",
    }
}

#[async_trait]
impl Handler for Gatekeeper {
    async fn hook(&self, parameter: &Parameter, earlier: Option<HookResult>) -> ReturnType {
        let result = match parameter {
            Parameter::ClientAuthenticate(connect) => HookResult::AuthResult(self.0.authenticate(connect)),
            Parameter::ClientSubscribeCheckAcl(session, filter) => {
                HookResult::SubscribeAclResult(subscribe(&session.id, filter))
            }
            Parameter::MessagePublishCheckAcl(session, publish) => {
                let may = client(&session.id).is_some_and(|client| client.may_publish(&publish.topic));
                HookResult::PublishAclResult(if may {
                    PublishAclResult::allow()
                } else {
                    metrics::counter!("omma_broker_refused_total", "at" => "publish").increment(1);
                    // Version 3.1.1 has no way to say no to a message but to end the connection (§3.3.5).
                    let version = session.protocol().await.unwrap_or(VERSION_5);
                    PublishAclResult::rejected(version != VERSION_5, None)
                })
            }
            Parameter::ClientDisconnected(_, reason) => {
                metrics::counter!("omma_broker_disconnects_total", "reason" => word(reason)).increment(1);
                return (true, earlier);
            }
            _ => return (true, earlier),
        };
        // Nobody else is asked: what is said here is final.
        (false, Some(result))
    }
}
