//! `[mqtt]`: a broker of the operator's.

use omma_runtime::config::Faults;

use crate::config::MqttSection;
use crate::uplink::mqtt::broker::{ExternalBroker, password};
use crate::uplink::mqtt::pem::{Identity, PemFiles};

/// Reads every file that it names, so that what can't be used is said before anything runs. `None` where nothing can
/// be made of it; a fault is then there.
pub(super) fn external(mqtt: &MqttSection, faults: &mut Faults) -> Option<ExternalBroker> {
    let identity = identity(mqtt, faults);
    let url = mqtt.url.expose().parse::<ExternalBroker>();
    let mut broker = url.map_err(|e| faults.push("mqtt.url", e.to_string())).ok()?;
    check_password(&broker, mqtt, faults);
    check_prefix(mqtt, faults);
    broker.password_file = mqtt.password_file.clone();
    match &mut broker.tls {
        Some(tls) => {
            *tls = PemFiles { ca: mqtt.ca.clone(), identity };
            for fault in tls.faults() {
                faults.push(fault.key, fault.message);
            }
        }
        None => {
            let files = [("mqtt.ca", &mqtt.ca), ("mqtt.certificate", &mqtt.certificate), ("mqtt.key", &mqtt.key)];
            for (key, _) in files.iter().filter(|(_, file)| file.is_some()) {
                faults.push(key, "has no effect with mqtt://: write mqtts:// in mqtt.url, or remove it");
            }
        }
    }
    Some(broker)
}

fn identity(mqtt: &MqttSection, faults: &mut Faults) -> Option<Identity> {
    match (&mqtt.certificate, &mqtt.key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate: certificate.clone(), key: key.clone() }),
        (Some(_), None) => {
            faults.push("mqtt.key", "needed with mqtt.certificate: expected the PEM file of its private key");
            None
        }
        (None, Some(_)) => {
            faults.push("mqtt.certificate", "needed with mqtt.key: expected the PEM file of its certificate");
            None
        }
        (None, None) => None,
    }
}

fn check_prefix(mqtt: &MqttSection, faults: &mut Faults) {
    let Some(prefix) = &mqtt.home_assistant else { return };
    let levels = prefix.split('/').all(|level| !level.is_empty() && !level.contains(['+', '#', '\0', '$']));
    if !levels || prefix == "omma" || prefix.starts_with("omma/") {
        faults.push(
            "mqtt.home_assistant",
            "expected Home Assistant's discovery prefix: \"homeassistant\" unless changed there",
        );
    }
}

fn check_password(broker: &ExternalBroker, mqtt: &MqttSection, faults: &mut Faults) {
    const KEY: &str = "mqtt.password_file";
    let Some(file) = &mqtt.password_file else { return };
    match broker.credentials.as_ref().filter(|credentials| !credentials.user.is_empty()) {
        None => faults.push(KEY, "needs a user name in mqtt.url: expected mqtts://user@host:8883 there"),
        Some(credentials) if !credentials.password.expose().is_empty() => {
            faults.push(KEY, "there is a password in mqtt.url too: expected one of the two");
        }
        Some(_) => {
            if let Err(fault) = password(file) {
                faults.push(fault.key, fault.message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use omma_protocol::secret::Secret;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn mqtt(url: &str) -> MqttSection {
        let url = Secret::new(url.to_owned());
        MqttSection { url, password_file: None, ca: None, certificate: None, key: None, home_assistant: None }
    }

    fn faults(mqtt: &MqttSection) -> Vec<String> {
        let mut faults = Faults::default();
        let broker = external(mqtt, &mut faults);
        let said: Vec<String> = faults.lines().collect();
        assert!(broker.is_some() || !said.is_empty());
        assert!(!said.concat().contains("hunter2") && !format!("{broker:?}").contains("hunter2"), "{said:?}");
        said
    }

    #[test]
    fn files_that_fit_together_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["site-1".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
        let written = MqttSection {
            password_file: file("password", "hunter2\n"),
            ca: file("ca.pem", &certificate),
            certificate: file("own.pem", &certificate),
            key: file("own.key", &key.serialize_pem()),
            ..mqtt("mqtts://omma@broker.example")
        };
        assert_eq!(faults(&written), Vec::<String>::new());
        let only_ca = MqttSection { ca: written.ca.clone(), ..mqtt("mqtts://omma:hunter2@broker.example") };
        assert_eq!(faults(&only_ca), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_said_with_its_key_and_how_to_mend_it() {
        let (tls, plain) = ("mqtts://omma@broker.example", "mqtt://omma@broker.example");
        let missing = Some(std::path::PathBuf::from("missing"));
        for (written, expected) in [
            (mqtt("amqp://omma:hunter2@broker.example"), vec![("mqtt.url: ", "mqtts://")]),
            (
                MqttSection { ca: missing.clone(), key: missing.clone(), ..mqtt(plain) },
                vec![("mqtt.certificate: ", "mqtt.key"), ("mqtt.ca: ", "mqtts://"), ("mqtt.key: ", "mqtts://")],
            ),
            (
                MqttSection { ca: missing.clone(), certificate: missing.clone(), ..mqtt(tls) },
                vec![("mqtt.key: ", "private key"), ("mqtt.ca: ", "missing can't be read")],
            ),
            (
                MqttSection { password_file: missing.clone(), ..mqtt(plain) },
                vec![("mqtt.password_file: ", "missing can't be read")],
            ),
            (
                MqttSection { password_file: missing.clone(), ..mqtt("mqtt://omma:hunter2@broker.example") },
                vec![("mqtt.password_file: ", "one of the two")],
            ),
            (
                MqttSection { home_assistant: Some("/home".to_owned()), ..mqtt(plain) },
                vec![("mqtt.home_assistant: ", "discovery prefix")],
            ),
            (
                MqttSection { home_assistant: Some("omma/#".to_owned()), ..mqtt(plain) },
                vec![("mqtt.home_assistant: ", "\"homeassistant\"")],
            ),
            (
                MqttSection { password_file: missing.clone(), ..mqtt("mqtt://broker.example") },
                vec![("mqtt.password_file: ", "user name")],
            ),
        ] {
            let said = faults(&written);
            assert_eq!(said.len(), expected.len(), "{said:?}");
            for (key, part) in expected {
                let there = said.iter().any(|line| line.starts_with(key) && line.contains(part));
                assert!(there, "{key}{part} in {said:?}");
            }
        }
    }
}
