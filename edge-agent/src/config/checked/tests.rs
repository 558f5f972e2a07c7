mod desired;
mod model;

use omma_protocol::secret::Secret;
use omma_runtime::config as written;
use omma_vision::gate::Mode;

use super::*;

fn token() -> String {
    token_with("hub.example:8883")
}

fn token_with(mqtts: &str) -> String {
    let token = JoinToken {
        edge: "site-1".parse().unwrap(),
        quic: "hub.example:4433".into(),
        mqtts: mqtts.into(),
        fingerprint: [7; 32],
        secret: Secret::new("correct horse".into()),
    };
    token.reveal()
}

fn load(text: &str) -> Result<Config, Faults> {
    let (config, faults) = written::parse::<Written>(text, None, ENV_PREFIX, [])?;
    check_own(config, faults)
}

/// One whose network is never loaded.
const MODEL: &str = concat!("model = \"", env!("CARGO_MANIFEST_DIR"), "/src/config/checked/tests/model\"");

fn good() -> String {
    format!(
        r#"
        [edge]
        data = "state"
        join = "{}"
        [detect]
        {MODEL}
        [[camera]]
        id = "door"
        url = "rtsp://admin:hunter2@cam/live"
        [[camera]]
        id = "yard"
        name = "The yard"
        url = "rtsp://cam2/live"
        transport = "udp"
        placement = "hub"
        rate = 2
        "#,
        token()
    )
}

#[test]
fn a_good_file_is_taken_with_its_defaults() {
    let config = load(&good()).unwrap();
    assert_eq!(config.edge().as_str(), "site-1");
    assert_eq!(config.http.to_string(), "127.0.0.1:8181");
    assert_eq!(config.outbox_budget, 512_000_000);
    assert!(config.detect.is_some() && matches!(config.upstream, Upstream::Hub { broker: None, .. }));
    let [door, yard] = config.cameras.as_slice() else { panic!("{} cameras", config.cameras.len()) };
    assert_eq!(
        (door.name.as_str(), door.transport, door.placement, door.rate),
        ("door", Transport::Auto, Placement::Edge, 5.0)
    );
    assert_eq!(
        (yard.name.as_str(), yard.transport, yard.placement, yard.rate),
        ("The yard", Transport::Udp, Placement::Hub, 2.0)
    );
    let printed = format!("{config:?}");
    assert!(!printed.contains("hunter2") && !printed.contains("horse"), "{printed}");
}

#[test]
fn every_fault_is_said_at_once_and_no_secret_with_it() {
    let faults = load(
        r#"
        [edge]
        data = "state"
        join = "omma-join-hunter2"
        [outbox]
        budget_mb = 1
        [mqtt]
        url = "amqp://omma:hunter2@broker"
        [[camera]]
        id = "door"
        url = "ftp://admin:hunter2@cam/live"
        rate = 0
        [[camera]]
        id = "door"
        url = "rtsp://cam/live"
        "#,
    );
    let lines: Vec<String> = match &faults {
        Err(faults) => faults.lines().collect(),
        Ok(_) => panic!("taken"),
    };
    let expected = [
        ("line 4: edge.join: ", "cloud-hub join"),
        ("line 6: outbox.budget_mb: ", "at least 16"),
        ("line 8: mqtt.url: ", "mqtt://"),
        ("line 11: camera[0].url: ", "rtsp://"),
        ("line 12: camera[0].rate: ", "more than 0"),
        ("detect: ", "[detect]"),
    ];
    for (start, part) in expected {
        assert!(lines.iter().any(|line| line.starts_with(start) && line.contains(part)), "{start}{part} in {lines:#?}");
    }
    assert!(!lines.concat().contains("hunter2"), "{lines:#?}");
}

#[test]
fn a_camera_twice_and_a_join_token_twice_are_faults() {
    let twice = good().replace("\"yard\"", "\"door\"").replace("[detect]", "join_file = \"x\"\n[detect]");
    let lines: Vec<String> = load(&twice).unwrap_err().lines().collect();
    assert!(lines.iter().any(|line| line.contains("camera[1].id: `door` is there twice")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("edge.join_file: ")), "{lines:#?}");
}

#[test]
fn threads_that_tract_would_not_use_are_refused() {
    let with = |lines: &str| good().replace(MODEL, &format!("{MODEL}\n{lines}"));
    let error = load(&with("engine = \"tract\"\nthreads = 4")).unwrap_err().to_string();
    assert!(error.contains("detect.threads: tract computes with one thread") && error.contains("ort"), "{error}");
    for lines in ["engine = \"tract\"", "engine = \"tract\"\nthreads = 1", "threads = 4"] {
        assert!(load(&with(lines)).is_ok(), "{lines}");
    }
}

fn with_rules(rules: &str) -> String {
    let door = good().replace(MODEL, &format!("{MODEL}\nlabels = [\"person\", \"car\"]"));
    door.replace("[[camera]]\n        id = \"yard\"", &format!("{rules}\n[[camera]]\nid = \"yard\""))
}

#[test]
fn rules_live_with_their_camera() {
    let rules = r#"
        [[camera.zone]]
        name = "drive"
        points = [[0.1, 1], [0.5, 0.4], [0.9, 1]]
        [[camera.rule]]
        name = "visitor"
        zone = "drive"
        labels = ["person"]
        schedule = ["22:00-06:00"]
        "#;
    let config = load(&with_rules(rules).replace("[edge]", "[edge]\ntime_zone = \"Europe/Berlin\"")).unwrap();
    let [door, yard] = config.cameras.as_slice() else { panic!("{} cameras", config.cameras.len()) };
    assert_eq!((door.rules.zones.len(), &*door.rules.rules[0].name), (1, "visitor"));
    assert_eq!(yard.rules, RulesConfig::default(), "the second camera has none");
}

/// What people copy from the page works.
#[test]
fn the_examples_of_the_page_on_rules_are_taken() {
    let page = include_str!("../../../../docs/operate/rules.md");
    let blocks = page.split("```toml").skip(1).filter_map(|rest| rest.split("```").next());
    let edge = format!("[edge]\ndata = \"state\"\njoin = \"{}\"", token());
    let text = blocks.collect::<String>().replace("[edge]", &edge).replace("rtsp://…", "rtsp://cam/live");
    let config = load(&(text + "[detect]\n" + MODEL)).unwrap();
    let rules = &config.cameras[0].rules;
    let names: Vec<&str> = rules.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["stranger in the drive", "car came in", "intruder"]);
    assert_eq!((rules.zones.len(), rules.lines.len(), rules.masks.len()), (1, 1, 1));
}

#[test]
fn a_fault_of_a_rule_names_its_line_and_how_to_mend_it() {
    let rules = r#"
        [[camera.zone]]
        name = "drive"
        points = [[0.1, 1], [0.5, 0.4], [0.9, 1.2]]
        [[camera.rule]]
        name = "visitor"
        zone = "drvie"
        labels = ["persn"]
        minscore = 0.5
        schedule = ["22:00-06:00"]
        "#;
    let faults = load(&with_rules(rules)).unwrap_err();
    let lines: Vec<String> = faults.lines().collect();
    for (key, part) in [
        ("camera[0].zone[0].points[2]: ", "0.0 to 1.0"),
        ("camera[0].rule[0].zone: ", "did you mean `drive`?"),
        ("camera[0].rule[0].labels[0]: ", "did you mean `person`?"),
        ("camera[0].rule[0].schedule: ", "edge.time_zone"),
        ("camera[0].rule[0].minscore: ", "unknown key, did you mean \"min_score\"?"),
    ] {
        let is_there = |line: &&String| line.starts_with("line ") && line.contains(key) && line.contains(part);
        assert!(lines.iter().any(|line| is_there(&line)), "{key}{part} in {lines:#?}");
    }
}

#[test]
fn what_could_not_be_read_makes_no_faults_elsewhere() {
    let rules = "[[camera.rule]]\nname = \"r\"\nlabels = [\"person\"]\nschedule = [\"22:00-06:00\"]";
    let wrong = with_rules(rules)
        .replace("[edge]", "[edge]\ntime_zone = 5")
        .replace("[detect]", "[detect]\nlabels = [5]")
        .replace("placement = \"edge\"", "placement = \"egde\"");
    let lines: Vec<String> = load(&wrong).unwrap_err().lines().collect();
    assert!(lines.iter().any(|line| line.contains("edge.time_zone: expected a string")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains(".rule[") || line.contains("expected [detect]")), "{lines:#?}");
}

#[test]
fn rules_of_a_camera_that_the_hub_looks_at_are_refused() {
    let hub = good() + "[[camera.rule]]\nname = \"visitor\"";
    let lines: Vec<String> = load(&hub).unwrap_err().lines().collect();
    assert!(lines.iter().any(|line| line.contains("camera[1].rule: ") && line.contains("placement")), "{lines:#?}");
    let zone = good().replace("[edge]", "[edge]\ntime_zone = \"Berlin\"");
    let lines: Vec<String> = load(&zone).unwrap_err().lines().collect();
    assert!(lines[0].contains("edge.time_zone: expected a time zone"), "{lines:#?}");
}

#[test]
fn detect_is_needed_only_where_the_edge_detects() {
    let hub_only = good()
        .replace(MODEL, "")
        .replace("[detect]", "")
        .replace("url = \"rtsp://admin:hunter2@cam/live\"", "url = \"rtsp://cam/live\"\nplacement = \"none\"");
    assert!(load(&hub_only).unwrap().detect.is_none());
}

/// `threads = 0` passed, and was a fault of the first camera that was to be looked at.
#[test]
fn what_is_wrong_with_the_detector_is_told_before_a_camera_needs_it() {
    let nobody_looks = good()
        .replace("[detect]", "[detect]\nthreads = 0\nmin_score = 7")
        .replace("hunter2@cam/live\"", "hunter2@cam/live\"\nplacement = \"none\"");
    let lines: Vec<String> = load(&nobody_looks).unwrap_err().lines().collect();
    for key in ["detect.threads: ", "detect.min_score: "] {
        assert!(lines.iter().any(|line| line.contains(key)), "{key} in {lines:#?}");
    }
}

/// A credential that was not to be had hid what else was wrong.
#[test]
fn a_credential_that_is_not_to_be_had_hides_no_fault_of_another_section() {
    let text = good().replace("hunter2", "${env:OMMA_NO_SUCH}").replace("[detect]", "[detect]\nthreads = 0");
    let lines: Vec<String> = load(&text).unwrap_err().lines().collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("camera[0].url: the environment variable OMMA_NO_SUCH")),
        "{lines:#?}"
    );
    assert!(lines.iter().any(|line| line.contains("detect.threads: ")), "{lines:#?}");
}

fn hubless() -> String {
    let broker = "[mqtt]\nurl = \"mqtt://omma:hunter2@broker\"\n[[camera]]";
    good()
        .replace(&format!("join = \"{}\"", token()), "name = \"site-2\"")
        .replacen("[[camera]]", broker, 1)
        .replace("placement = \"hub\"", "placement = \"none\"")
}

#[test]
fn without_a_hub_a_name_and_a_broker_do() {
    let config = load(&hubless()).unwrap();
    assert!(config.hub().is_none() && matches!(config.upstream, Upstream::Broker { .. }));
    assert_eq!(config.edge().as_str(), "site-2");
    let printed = format!("{config:?}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn what_needs_a_hub_is_a_fault_without_one() {
    let both = hubless().replace("name = \"site-2\"", &format!("name = \"site-2\"\njoin = \"{}\"", token()));
    let nobody = hubless().replace("name = \"site-2\"", "");
    let no_broker = hubless().replace("[mqtt]", "").replace("url = \"mqtt://omma:hunter2@broker\"", "");
    let at_the_hub = hubless().replace("placement = \"none\"", "placement = \"hub\"");
    for (wrong, key, part) in [
        (both, "edge.name: ", "join token"),
        (nobody, "edge: ", "`name` and [mqtt]"),
        (no_broker, "mqtt: ", "expected [mqtt] with `url`"),
        (at_the_hub, "camera[1].placement: ", "no hub"),
    ] {
        let lines: Vec<String> = load(&wrong).unwrap_err().lines().collect();
        assert!(lines.len() == 1 && lines[0].contains(key) && lines[0].contains(part), "{lines:#?}");
    }
}

#[test]
fn a_hub_without_a_broker_is_one_to_which_no_other_leads() {
    let without = good().replace(&token(), &token_with(""));
    let config = load(&without).unwrap();
    assert!(config.hub().is_some() && !config.has_broker());
    assert!(load(&good()).unwrap().has_broker() && load(&hubless()).unwrap().has_broker());
    let own = "[mqtt]\nurl = \"mqtt://omma:hunter2@broker\"\n[[camera]]";
    let lines: Vec<String> = load(&without.replacen("[[camera]]", own, 1)).unwrap_err().lines().collect();
    assert!(lines.len() == 1 && lines[0].contains("mqtt: ") && lines[0].contains("broker.enabled"), "{lines:#?}");
    assert!(load(&good().replacen("[[camera]]", own, 1)).unwrap().has_broker());
}

#[test]
fn a_camera_has_its_gate() {
    let yard = "[[camera]]\n        id = \"yard\"";
    let config = load(&good()).unwrap();
    let [door, _] = config.cameras.as_slice() else { panic!("{} cameras", config.cameras.len()) };
    assert_eq!((door.gate.mode, door.gate.prompt, door.gate.rate), (Mode::Gated, false, 5.0));
    assert!(!door.gate.mask.covers(0.1, 0.1));

    let text =
        "gate = \"always\"\nprompt = true\n[[camera.motion_mask]]\npoints = [[0, 0], [0.5, 0], [0.5, 0.5], [0, 0.5]]";
    let config = load(&good().replace(yard, &format!("{text}\n{yard}"))).unwrap();
    let gate = &config.cameras[0].gate;
    assert_eq!((gate.mode, gate.prompt), (Mode::Always, true));
    assert!(gate.mask.covers(0.1, 0.1) && !gate.mask.covers(0.9, 0.1));

    let wrong = good().replace(yard, &format!("[[camera.motion_mask]]\npoints = [[0, 0], [2, 0]]\n{yard}"));
    let lines: Vec<String> = load(&wrong).unwrap_err().lines().collect();
    assert!(lines.iter().any(|line| line.contains("camera[0].motion_mask[0].points[1]: ")), "{lines:#?}");

    let hub = good().replace("placement = \"hub\"", "placement = \"hub\"\n        gate = \"gated\"");
    let lines: Vec<String> = load(&hub).unwrap_err().lines().collect();
    assert!(lines.iter().any(|line| line.contains("camera[1].gate: ")), "{lines:#?}");
}

#[test]
fn a_camera_may_be_asked_over_http() {
    let mjpeg = good().replace("rtsp://admin:hunter2@cam/live", "http://admin:hunter2@cam/mjpg/video.mjpg");
    assert_eq!(load(&mjpeg).unwrap().cameras[0].http, HttpOptions::default());
    let sha = "0A:1b".to_owned() + &":ff".repeat(30);
    let options = format!("snapshot_interval = 0.5\n        certificate_sha256 = \"{sha}\"");
    let with = |url: &str, options: &str| {
        good().replace("url = \"rtsp://admin:hunter2@cam/live\"", &format!("url = \"{url}\"\n        {options}"))
    };
    let http = load(&with("https://cam/jpg/image.jpg", &options)).unwrap().cameras[0].http;
    assert_eq!(http.snapshot_interval, Duration::from_millis(500));
    assert_eq!(http.certificate.map(|sha| (sha[0], sha[1], sha[31])), Some((0x0a, 0x1b, 0xff)));

    for (url, options, key, part) in [
        ("https://cam/", "snapshot_interval = 0", "snapshot_interval", "0.1 to 10 seconds"),
        ("https://cam/", "snapshot_interval = nan", "snapshot_interval", "0.1 to 10 seconds"),
        ("https://cam/", "certificate_sha256 = \"ff:0\"", "certificate_sha256", "64 hexadecimal digits"),
        ("http://cam/", "transport = \"udp\"", "transport", "rtsp://"),
        ("rtsp://cam/", "snapshot_interval = 1", "snapshot_interval", "http://"),
        ("http://cam/", &format!("certificate_sha256 = \"{sha}\""), "certificate_sha256", "https://"),
    ] {
        let lines: Vec<String> = load(&with(url, options)).unwrap_err().lines().collect();
        let [line] = lines.as_slice() else { panic!("{url} {options}: {lines:#?}") };
        assert!(line.contains(&format!("camera[0].{key}: ")) && line.contains(part), "{line}");
    }
}

#[cfg(all(feature = "v4l2", target_os = "linux"))]
#[test]
fn a_camera_may_be_a_device_of_this_machine() {
    let with = |url: &str, options: &str| {
        good().replace("url = \"rtsp://admin:hunter2@cam/live\"", &format!("url = \"{url}\"\n        {options}"))
    };
    let bare = load(&with("v4l2:///dev/video0", "")).unwrap();
    assert_eq!(bare.cameras[0].device, DeviceOptions::default());
    let options = "input_format = \"yuyv422\"\n        video_size = \"640x480\"\n        framerate = 10";
    let device = load(&with("v4l2:///dev/video0", options)).unwrap().cameras[0].device;
    assert_eq!(device, DeviceOptions { format: Some(Encoding::Yuyv), size: Some((640, 480)), rate: 10 });

    for (url, options, key, part) in [
        ("v4l2://dev/video0", "", "url", "v4l2:///dev/video0"),
        ("v4l2:///dev/video0", "video_size = \"640\"", "video_size", "1280x720"),
        ("v4l2:///dev/video0", "framerate = 0", "framerate", "1 to 120"),
        ("v4l2:///dev/video0", "transport = \"udp\"", "transport", "rtsp://"),
        ("v4l2:///dev/video0", "snapshot_interval = 1", "snapshot_interval", "http://"),
        ("rtsp://cam/", "input_format = \"nv12\"", "input_format", "v4l2://"),
        ("http://cam/", "video_size = \"640x480\"", "video_size", "v4l2://"),
        ("https://cam/", "framerate = 10", "framerate", "v4l2://"),
    ] {
        let lines: Vec<String> = load(&with(url, options)).unwrap_err().lines().collect();
        let [line] = lines.as_slice() else { panic!("{url} {options}: {lines:#?}") };
        assert!(line.contains(&format!("camera[0].{key}: ")) && line.contains(part), "{line}");
    }
}

#[test]
fn a_memory_limit_is_taken_and_one_that_nothing_fits_into_is_refused() {
    let with = |max: u64| load(&good().replace("[detect]", &format!("[health]\nmemory_max_mb = {max}\n[detect]")));
    assert_eq!(with(300).unwrap().memory.max, Some(300_000_000));
    let memory = load(&good()).unwrap().memory;
    assert_eq!((memory.max, memory.stays), (None, edge_core::memory::STAYS));
    let said = with(63).unwrap_err().to_string();
    assert!(said.contains("health.memory_max_mb: expected at least 64"), "{said}");
    let said = load(&good().replace("[detect]", "[health]\nmemory_stay_s = 59\n[detect]")).unwrap_err().to_string();
    assert!(said.contains("health.memory_stay_s: expected 60 to 86400"), "{said}");
}

#[test]
fn credentials_written_literally_are_taken_with_a_warning_for_each() {
    let warnings = load(&good()).unwrap().warnings;
    let keys: Vec<_> = warnings.iter().filter_map(|line| line.split(": ").nth(1)).collect();
    assert_eq!(keys, ["edge.join", "camera[0].url"]);
    assert!(!warnings.concat().contains("hunter2"), "{warnings:?}");
}

#[test]
fn a_sub_stream_is_looked_at_by_the_edge_and_read_over_rtsp() {
    let with = |lines: &str| good().replacen("url = \"rtsp://cam2/live\"", lines, 1);
    let looked_at = "url = \"rtsp://cam2/live\"\nsub_url = \"rtsp://u:hunter3@cam2/sub\"";
    let config = load(&with(looked_at).replacen("placement = \"hub\"", "", 1)).unwrap();
    let sub = config.cameras[1].sub_stream().unwrap();
    assert_eq!((sub.url.bare().as_str(), sub.id.as_str(), sub.sub_url), ("rtsp://cam2/sub", "yard", None));
    assert_eq!(config.cameras[0].sub_stream(), None);
    assert!(!format!("{config:?}").contains("hunter3"));
    for (url, words) in
        [("rtsp://u:hunter3@cam2/sub", "placement = \"edge\""), ("http://cam2/", "rtsp://"), ("ftp://cam2/", "rtsp://")]
    {
        let faults = load(&with(&format!("url = \"rtsp://cam2/live\"\nsub_url = \"{url}\""))).unwrap_err().to_string();
        assert!(faults.contains("camera[1].sub_url: ") && faults.contains(words), "{faults}");
        assert!(!faults.contains("hunter3"), "{faults}");
    }
}
