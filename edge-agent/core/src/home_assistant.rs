//! What makes Home Assistant show an edge and its cameras by itself: one discovery message a device, on topics that its
//! MQTT integration reads (`{prefix}/device/{node}/{object}/config`, retained;
//! <https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload>).
//!
//! The node is `omma_{edge}`, so that one access rule more fences the edge in there too. A camera is a device of its own,
//! reached through the edge's. Names have no dot, so that ids joined by dots are never taken for others'.

use std::collections::BTreeMap;

use omma_protocol::id::{CameraId, EdgeId, LabelName};
use omma_protocol::wire::mqtt::{CameraValue, Command, HealthMessage, OFF, ON, QOS, Topic};
use serde::Serialize;

/// What Home Assistant publishes when it has started, on the topic of [`birth_topic`].
pub const BIRTH: &[u8] = b"online";

const STATUS_TEMPLATE: &str = "{{ 'online' if value_json.online else 'offline' }}";
// Where nobody can look, nobody knows whether somebody is there.
const LOOKED_AT_TEMPLATE: &str =
    "{{ 'online' if value_json.state == 'live' and value_json.unseen is not defined else 'offline' }}";
const IS_LIVE: &str = "{{ 'ON' if value_json.state == 'live' else 'OFF' }}";
const IS_ONLINE: &str = "{{ 'ON' if value_json.online else 'OFF' }}";
// `None` is how Home Assistant writes that a value is not known.
const TEMPERATURE: &str = "{{ value_json.temperature_c | default(none) }}";
const DISK_FREE: &str = "{{ value_json.disk_free_mb | default(none) }}";
const MEMORY_AVAILABLE: &str = "{{ value_json.memory_available_mb | default(none) }}";
const IS_THERE: &str = "{{ 'ON' if value | int(0) > 0 else 'OFF' }}";

/// Whoever announces.
#[derive(Debug, Clone)]
pub struct Announcer {
    /// Home Assistant's discovery prefix, without a slash at either end.
    pub prefix: String,
    /// The edge.
    pub edge: EdgeId,
    /// The agent's version.
    pub version: &'static str,
    /// Whether there are snapshots.
    pub snapshots: bool,
}

/// What is said of a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced<'a> {
    /// Which.
    pub camera: &'a CameraId,
    /// For people.
    pub name: &'a str,
    /// Whether the edge looks at it: only then are there motion, counts and a switch.
    pub looked_at: bool,
    /// Classes that it counts.
    pub labels: Vec<&'a LabelName>,
}

/// What an edge's machine was seen to measure since the program's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Measured {
    /// Its temperature.
    pub temperature: bool,
    /// What is free on its disk.
    pub disk_free: bool,
    /// The memory that programs can still have.
    pub memory_available: bool,
}

impl Measured {
    /// These, and what a message has. What was once there stays: a sensor that fails for a while is unknown, and not gone.
    #[must_use]
    pub fn and(self, message: &HealthMessage) -> Self {
        Self {
            temperature: self.temperature || message.temperature_c.is_some(),
            disk_free: self.disk_free || message.disk_free_mb.is_some(),
            memory_available: self.memory_available || message.memory_available_mb.is_some(),
        }
    }
}

/// The payload of a discovery message, to be written as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Discovery {
    device: Device,
    origin: Origin,
    qos: u8,
    availability: Vec<Availability>,
    components: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Device {
    identifiers: [String; 1],
    name: String,
    manufacturer: &'static str,
    model: &'static str,
    sw_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    via_device: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Origin {
    name: &'static str,
    sw_version: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Availability {
    topic: String,
    value_template: &'static str,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
struct Component {
    platform: &'static str,
    unique_id: String,
    /// `null` has Home Assistant use the device's.
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json_attributes_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_template: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_on: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_off: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_of_measurement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_category: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    availability: Vec<Availability>,
}

/// One of a device's components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum Entry {
    /// It is there.
    Kept(Box<Component>),
    /// Nothing but its platform has Home Assistant remove it, and does nothing where it never was.
    Gone { platform: &'static str },
}

/// Where Home Assistant says that it has started.
pub fn birth_topic(prefix: &str) -> String {
    format!("{prefix}/status")
}

impl Announcer {
    /// The topics of everything that this edge announces begin so.
    pub fn fence(&self) -> String {
        format!("{}/device/omma_{}/", self.prefix, self.edge)
    }

    /// The filter by which this edge finds what it had announced.
    pub fn filter(&self) -> String {
        format!("{}+/config", self.fence())
    }

    /// The topic of the edge itself.
    pub fn edge_topic(&self) -> String {
        // No camera is called so.
        format!("{}_edge/config", self.fence())
    }

    /// The topic of a camera.
    pub fn camera_topic(&self, camera: &CameraId) -> String {
        format!("{}{camera}/config", self.fence())
    }

    /// The edge, as a device, with a sensor for each thing that its machine measures. One that is not known to measure it is
    /// left out and not taken back: before the machine was looked at nothing is known, and who takes back a sensor
    /// at each start takes away what people made of it.
    pub fn edge(&self, measured: Measured) -> Discovery {
        let connected = Component {
            platform: "binary_sensor",
            unique_id: format!("{}.connected", self.edge_id()),
            name: Some("Connected".to_owned()),
            state_topic: Some(self.status()),
            value_template: Some(IS_ONLINE),
            device_class: Some("connectivity"),
            entity_category: Some("diagnostic"),
            ..Component::default()
        };
        let mut components = BTreeMap::from([("connected".to_owned(), Entry::Kept(Box::new(connected)))]);
        for (key, name, class, unit, template, is_measured) in [
            ("temperature", "Temperature", "temperature", "°C", TEMPERATURE, measured.temperature),
            ("disk_free", "Free disk", "data_size", "MB", DISK_FREE, measured.disk_free),
            ("memory_available", "Available memory", "data_size", "MB", MEMORY_AVAILABLE, measured.memory_available),
        ] {
            if is_measured {
                let sensor = self.health_sensor(key, name, class, unit, template);
                components.insert(key.to_owned(), Entry::Kept(Box::new(sensor)));
            }
        }
        let name = format!("Omma {}", self.edge);
        // One of its entities says whether it is there, and is always there itself.
        self.discovery(self.edge_id(), name, "Edge agent", None, vec![], components)
    }

    /// Of a figure in the edge's health.
    fn health_sensor(
        &self,
        key: &str,
        name: &str,
        device_class: &'static str,
        unit: &'static str,
        template: &'static str,
    ) -> Component {
        Component {
            platform: "sensor",
            unique_id: format!("{}.{key}", self.edge_id()),
            name: Some(name.to_owned()),
            state_topic: Some(Topic::Health(self.edge.clone()).to_string()),
            value_template: Some(template),
            device_class: Some(device_class),
            state_class: Some("measurement"),
            unit_of_measurement: Some(unit),
            entity_category: Some("diagnostic"),
            availability: vec![self.while_online()],
            ..Component::default()
        }
    }

    /// A camera, as a device behind the edge. What only cameras have that are looked at is taken back where this one is not:
    /// Home Assistant keeps a component that is left out.
    pub fn camera(&self, announced: &Announced<'_>) -> Discovery {
        let id = format!("{}.{}", self.edge_id(), announced.camera);
        let topic = |value| Topic::Camera(self.edge.clone(), announced.camera.clone(), value).to_string();
        let command = |command| Topic::CameraCommand(self.edge.clone(), announced.camera.clone(), command).to_string();
        let component = |key: &str, platform, name: Option<&str>| Component {
            platform,
            unique_id: format!("{id}.{key}"),
            name: name.map(str::to_owned),
            ..Component::default()
        };
        let while_looked_at = |component: Component| Component {
            availability_mode: Some("all"),
            availability: vec![
                self.while_online(),
                Availability { topic: topic(CameraValue::State), value_template: LOOKED_AT_TEMPLATE },
            ],
            ..component
        };
        let (mut components, mut gone) = (BTreeMap::new(), vec![]);
        let mut add = |key: &str, component| drop(components.insert(key.to_owned(), component));
        add(
            "connected",
            Component {
                state_topic: Some(topic(CameraValue::State)),
                json_attributes_topic: Some(topic(CameraValue::State)),
                value_template: Some(IS_LIVE),
                device_class: Some("connectivity"),
                entity_category: Some("diagnostic"),
                ..component("connected", "binary_sensor", Some("Connected"))
            },
        );
        add(
            "restart",
            Component {
                command_topic: Some(command(Command::RestartCamera)),
                device_class: Some("restart"),
                entity_category: Some("config"),
                ..component("restart", "button", Some("Restart"))
            },
        );
        if self.snapshots {
            add(
                "snapshot",
                Component { topic: Some(topic(CameraValue::Snapshot)), ..component("snapshot", "camera", None) },
            );
        } else {
            gone.push(("snapshot".to_owned(), "camera"));
        }
        if self.snapshots && announced.looked_at {
            add(
                "crop",
                Component { topic: Some(topic(CameraValue::Crop)), ..component("crop", "camera", Some("Close-up")) },
            );
        } else {
            gone.push(("crop".to_owned(), "camera"));
        }
        if announced.looked_at {
            add(
                "detection",
                Component {
                    state_topic: Some(topic(CameraValue::Detection)),
                    command_topic: Some(command(Command::Detection)),
                    payload_on: Some(ON),
                    payload_off: Some(OFF),
                    icon: Some("mdi:eye"),
                    ..component("detection", "switch", Some("Detection"))
                },
            );
            add(
                "motion",
                while_looked_at(Component {
                    state_topic: Some(topic(CameraValue::Motion)),
                    payload_on: Some(ON),
                    payload_off: Some(OFF),
                    device_class: Some("motion"),
                    ..component("motion", "binary_sensor", Some("Motion"))
                }),
            );
            for label in &announced.labels {
                let objects = Topic::Objects(self.edge.clone(), announced.camera.clone(), (*label).clone()).to_string();
                let spoken = spoken(label);
                let (occupancy, count) = (occupancy_key(label), count_key(label));
                add(
                    &occupancy,
                    while_looked_at(Component {
                        state_topic: Some(objects.clone()),
                        value_template: Some(IS_THERE),
                        device_class: Some("occupancy"),
                        ..component(&occupancy, "binary_sensor", Some(&format!("{spoken} occupancy")))
                    }),
                );
                add(
                    &count,
                    while_looked_at(Component {
                        state_topic: Some(objects),
                        state_class: Some("measurement"),
                        icon: Some("mdi:counter"),
                        ..component(&count, "sensor", Some(&format!("{spoken} count")))
                    }),
                );
            }
        } else {
            gone.extend([("detection".to_owned(), "switch"), ("motion".to_owned(), "binary_sensor")]);
            for label in &announced.labels {
                gone.extend([(occupancy_key(label), "binary_sensor"), (count_key(label), "sensor")]);
            }
        }
        let kept = components.into_iter().map(|(key, component)| (key, Entry::Kept(Box::new(component))));
        let gone = gone.into_iter().map(|(key, platform)| (key, Entry::Gone { platform }));
        let (name, via) = (announced.name.to_owned(), Some(self.edge_id()));
        self.discovery(id, name, "Camera", via, vec![self.while_online()], kept.chain(gone).collect())
    }

    fn discovery(
        &self,
        id: String,
        name: String,
        model: &'static str,
        via_device: Option<String>,
        availability: Vec<Availability>,
        components: BTreeMap<String, Entry>,
    ) -> Discovery {
        let (manufacturer, sw_version) = ("Omma", self.version);
        let device = Device { identifiers: [id], name, manufacturer, model, sw_version, via_device };
        let origin = Origin { name: "Omma edge-agent", sw_version };
        Discovery { device, origin, qos: QOS, availability, components }
    }

    fn edge_id(&self) -> String {
        format!("omma_{}", self.edge)
    }

    fn status(&self) -> String {
        Topic::Status(self.edge.clone()).to_string()
    }

    fn while_online(&self) -> Availability {
        Availability { topic: self.status(), value_template: STATUS_TEMPLATE }
    }
}

fn occupancy_key(label: &LabelName) -> String {
    format!("occupancy_{label}")
}

fn count_key(label: &LabelName) -> String {
    format!("count_{label}")
}

/// `traffic_light` as people write it at the beginning of a name.
fn spoken(label: &LabelName) -> String {
    let text = label.as_str().replace('_', " ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests;
