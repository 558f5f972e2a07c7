//! Why there is no connection to the broker, in words that say how to mend it.

use rumqttc::TlsError;
use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use rumqttc::v5::{ConnectionError, StateError, mqttbytes};
use rustls::{AlertDescription, CertificateError, Error};

use super::broker::Broker;

/// For `/state` and the log.
pub(super) fn reason(error: &ConnectionError, broker: &Broker) -> String {
    if let ConnectionError::ConnectionRefused(
        code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
    ) = error
    {
        let remedy = match broker {
            Broker::Hub(_) => "get a new join token with `cloud-hub join`",
            Broker::External(_) => "mend the user name in mqtt.url, its password, or the broker's access rules",
        };
        return format!("the broker refuses this edge ({code:?}): {remedy}");
    }
    match (tls(error).and_then(certificate), broker) {
        (Some(reason), Broker::External(_)) => reason,
        _ => format!("MQTT: {error}"),
    }
}

/// rumqttc gives them wrapped, and a broker that dislikes this edge's certificate says so only after the handshake.
fn tls(error: &ConnectionError) -> Option<&Error> {
    let io = match error {
        ConnectionError::Tls(TlsError::TLS(e)) => return Some(e),
        ConnectionError::Tls(TlsError::Io(io))
        | ConnectionError::Io(io)
        | ConnectionError::MqttState(StateError::Io(io) | StateError::Deserialization(mqttbytes::Error::Io(io))) => io,
        _ => return None,
    };
    io.get_ref()?.downcast_ref()
}

fn certificate(error: &Error) -> Option<String> {
    Some(match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the broker's certificate is refused: nobody whom this edge trusts vouches for it; name the PEM file of its \
             certificate authority as mqtt.ca"
                .to_owned()
        }
        Error::InvalidCertificate(
            e @ (CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }),
        ) => format!("the broker's certificate is refused: {e}; write the host in mqtt.url as its certificate names it"),
        Error::InvalidCertificate(e) => {
            format!("the broker's certificate is refused: {e}; mend it there, or this machine's clock")
        }
        Error::AlertReceived(
            alert @ (AlertDescription::NoCertificate
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied),
        ) => format!("the broker refuses this edge's certificate ({alert:?}): mend mqtt.certificate and mqtt.key"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_is_wrong_with_certificates_is_said_with_the_setting_to_mend() {
        let broker = Broker::External("mqtts://broker.example".parse().unwrap());
        let io = |e: Error| io::Error::new(io::ErrorKind::InvalidData, e);
        let unknown = io(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        let name = io(Error::InvalidCertificate(CertificateError::NotValidForName));
        let expired = io(Error::InvalidCertificate(CertificateError::Expired));
        let required = io(Error::AlertReceived(AlertDescription::CertificateRequired));
        let required = StateError::Deserialization(mqttbytes::Error::Io(required));
        for (error, expected) in [
            (ConnectionError::Tls(TlsError::Io(unknown)), "mqtt.ca"),
            (ConnectionError::Tls(TlsError::Io(name)), "mqtt.url"),
            (ConnectionError::Io(expired), "clock"),
            (ConnectionError::MqttState(required), "mqtt.certificate"),
            (ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized), "password"),
            (ConnectionError::RequestsDone, "MQTT: "),
        ] {
            let said = reason(&error, &broker);
            assert!(said.contains(expected), "{error:?}: {said}");
        }
    }
}
