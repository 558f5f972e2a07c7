use serde_json::{Value, json};

use super::*;

fn announcer() -> Announcer {
    Announcer { prefix: "homeassistant".to_owned(), edge: "site-1".parse().unwrap(), version: "1.2.3", snapshots: true }
}

fn json(discovery: &Discovery) -> Value {
    serde_json::to_value(discovery).unwrap()
}

#[test]
fn the_topics_lie_in_a_fence_of_the_edge() {
    let announcer = announcer();
    let camera = "door".parse().unwrap();
    assert_eq!(announcer.edge_topic(), "homeassistant/device/omma_site-1/_edge/config");
    assert_eq!(announcer.camera_topic(&camera), "homeassistant/device/omma_site-1/door/config");
    assert_eq!(announcer.filter(), "homeassistant/device/omma_site-1/+/config");
    assert_eq!(birth_topic("homeassistant"), "homeassistant/status");
}

#[test]
fn the_edge_is_a_device() {
    assert_eq!(
        json(&announcer().edge(Measured::default())),
        json!({
            "device": {
                "identifiers": ["omma_site-1"],
                "name": "Omma site-1",
                "manufacturer": "Omma",
                "model": "Edge agent",
                "sw_version": "1.2.3",
            },
            "origin": { "name": "Omma edge-agent", "sw_version": "1.2.3" },
            "qos": 1,
            "availability": [],
            "components": {
                "connected": {
                    "platform": "binary_sensor",
                    "unique_id": "omma_site-1.connected",
                    "name": "Connected",
                    "state_topic": "omma/v1/edges/site-1/status",
                    "value_template": "{{ 'ON' if value_json.online else 'OFF' }}",
                    "device_class": "connectivity",
                    "entity_category": "diagnostic",
                },
            },
        })
    );
}

#[test]
fn what_the_machine_measures_are_diagnostic_sensors_of_the_edge() {
    let known = Measured::default().and(&HealthMessage { temperature_c: Some(51.5), ..HealthMessage::default() });
    let later = known.and(&HealthMessage { disk_free_mb: Some(1), ..HealthMessage::default() });
    assert_eq!(later, Measured { temperature: true, disk_free: true, memory_available: false });
    let discovery = json(&announcer().edge(known));
    let components = discovery["components"].as_object().unwrap();
    assert_eq!(components.keys().collect::<Vec<_>>(), ["connected", "temperature"]);
    assert_eq!(
        components["temperature"],
        json!({
            "platform": "sensor",
            "unique_id": "omma_site-1.temperature",
            "name": "Temperature",
            "state_topic": "omma/v1/edges/site-1/health",
            "value_template": "{{ value_json.temperature_c | default(none) }}",
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°C",
            "entity_category": "diagnostic",
            "availability": [{
                "topic": "omma/v1/edges/site-1/status",
                "value_template": "{{ 'online' if value_json.online else 'offline' }}",
            }],
        })
    );
    let all = json(&announcer().edge(Measured { memory_available: true, ..later }));
    for (key, figure) in [("disk_free", "disk_free_mb"), ("memory_available", "memory_available_mb")] {
        let component = &all["components"][key];
        assert!(
            component["value_template"].as_str().unwrap().contains(&format!("value_json.{figure} ")),
            "{component}"
        );
        assert_eq!(
            (&component["device_class"], &component["unit_of_measurement"]),
            (&json!("data_size"), &json!("MB"))
        );
    }
}

#[test]
fn a_camera_is_a_device_behind_the_edge() {
    let (camera, label) = ("door".parse().unwrap(), LabelName::of("traffic light"));
    let announced = Announced { camera: &camera, name: "Front door", looked_at: true, labels: vec![&label] };
    let online = json!({
        "topic": "omma/v1/edges/site-1/status",
        "value_template": "{{ 'online' if value_json.online else 'offline' }}",
    });
    let live = json!([online, {
        "topic": "omma/v1/edges/site-1/cameras/door/state",
        "value_template": "{{ 'online' if value_json.state == 'live' and value_json.unseen is not defined else 'offline' }}",
    }]);
    assert_eq!(
        json(&announcer().camera(&announced)),
        json!({
            "device": {
                "identifiers": ["omma_site-1.door"],
                "name": "Front door",
                "manufacturer": "Omma",
                "model": "Camera",
                "sw_version": "1.2.3",
                "via_device": "omma_site-1",
            },
            "origin": { "name": "Omma edge-agent", "sw_version": "1.2.3" },
            "qos": 1,
            "availability": [online],
            "components": {
                "connected": {
                    "platform": "binary_sensor",
                    "unique_id": "omma_site-1.door.connected",
                    "name": "Connected",
                    "state_topic": "omma/v1/edges/site-1/cameras/door/state",
                    "json_attributes_topic": "omma/v1/edges/site-1/cameras/door/state",
                    "value_template": "{{ 'ON' if value_json.state == 'live' else 'OFF' }}",
                    "device_class": "connectivity",
                    "entity_category": "diagnostic",
                },
                "restart": {
                    "platform": "button",
                    "unique_id": "omma_site-1.door.restart",
                    "name": "Restart",
                    "command_topic": "omma/v1/edges/site-1/cameras/door/command/restart_camera",
                    "device_class": "restart",
                    "entity_category": "config",
                },
                "snapshot": {
                    "platform": "camera",
                    "unique_id": "omma_site-1.door.snapshot",
                    "name": null,
                    "topic": "omma/v1/edges/site-1/cameras/door/snapshot",
                },
                "crop": {
                    "platform": "camera",
                    "unique_id": "omma_site-1.door.crop",
                    "name": "Close-up",
                    "topic": "omma/v1/edges/site-1/cameras/door/crop",
                },
                "detection": {
                    "platform": "switch",
                    "unique_id": "omma_site-1.door.detection",
                    "name": "Detection",
                    "state_topic": "omma/v1/edges/site-1/cameras/door/detection",
                    "command_topic": "omma/v1/edges/site-1/cameras/door/command/detection",
                    "payload_on": "ON",
                    "payload_off": "OFF",
                    "icon": "mdi:eye",
                },
                "motion": {
                    "platform": "binary_sensor",
                    "unique_id": "omma_site-1.door.motion",
                    "name": "Motion",
                    "state_topic": "omma/v1/edges/site-1/cameras/door/motion",
                    "payload_on": "ON",
                    "payload_off": "OFF",
                    "device_class": "motion",
                    "availability_mode": "all",
                    "availability": live,
                },
                "occupancy_traffic_light": {
                    "platform": "binary_sensor",
                    "unique_id": "omma_site-1.door.occupancy_traffic_light",
                    "name": "Traffic light occupancy",
                    "state_topic": "omma/v1/edges/site-1/cameras/door/objects/traffic_light",
                    "value_template": "{{ 'ON' if value | int(0) > 0 else 'OFF' }}",
                    "device_class": "occupancy",
                    "availability_mode": "all",
                    "availability": live,
                },
                "count_traffic_light": {
                    "platform": "sensor",
                    "unique_id": "omma_site-1.door.count_traffic_light",
                    "name": "Traffic light count",
                    "state_topic": "omma/v1/edges/site-1/cameras/door/objects/traffic_light",
                    "state_class": "measurement",
                    "icon": "mdi:counter",
                    "availability_mode": "all",
                    "availability": live,
                },
            },
        })
    );
}

#[test]
fn what_there_is_not_is_taken_back_by_naming_its_platform_alone() {
    let (camera, label) = ("door".parse().unwrap(), LabelName::of("person"));
    let announced = Announced { camera: &camera, name: "Door", looked_at: false, labels: vec![&label] };
    let discovery = json(&Announcer { snapshots: false, ..announcer() }.camera(&announced));
    let mut components = discovery["components"].as_object().unwrap().clone();
    assert!(components.remove("connected").is_some() && components.remove("restart").is_some());
    let gone = json!({
        "snapshot": { "platform": "camera" },
        "crop": { "platform": "camera" },
        "detection": { "platform": "switch" },
        "motion": { "platform": "binary_sensor" },
        "occupancy_person": { "platform": "binary_sensor" },
        "count_person": { "platform": "sensor" },
    });
    assert_eq!(serde_json::Value::from(components), gone);
}
