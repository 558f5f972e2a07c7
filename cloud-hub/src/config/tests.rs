//! What an operator writes, and what they are told.

use super::*;

fn faults(text: &str) -> String {
    Config::parse(text).unwrap_err().to_string()
}

#[test]
fn a_data_folder_is_all_that_must_be_said() {
    let config = Config::parse("[hub]\ndata = 'd'").unwrap();
    assert_eq!(config.database, Path::new("d/omma.db"));
    assert_eq!((config.public_quic().as_str(), config.public_mqtts().as_str()), ("127.0.0.1:4433", "127.0.0.1:8883"));
    assert!(matches!(config.broker, BrokerConfig::Embedded(Embedded { plain: None, anonymous_read: false, .. })));
}

#[test]
fn all_faults_are_told_at_once() {
    let text = faults(
        "[hub]
data = 'd'
public_host = 'hub:1'
[http]
listen = '127.0.0.1:1883'
[ingest]
quic = '127.0.0.1:8189'
[broker]
listen = '0.0.0.0:1883'
[store]
url = 'postgres://x'
[infer]
model = 'no/such/model'
threads = 0
rate = 0.0",
    );
    for (line, key) in [
        (3, "hub.public_host"),
        (9, "broker.listen"),
        (11, "store.url"),
        (13, "infer.model"),
        (14, "infer.threads"),
        (15, "infer.rate"),
    ] {
        assert!(text.contains(&format!("line {line}: {key}: ")), "{key} in\n{text}");
    }
    assert!(text.contains("live.udp: ingest.quic has port 8189 already"), "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
}

#[test]
fn what_is_wrong_with_the_model_is_told_beside_all_else() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("model.toml"),
        include_bytes!("../../../edge-agent/src/config/checked/tests/model/model.toml"),
    )
    .unwrap();
    let model = folder.path().display();
    let text = faults(&format!(
        "[hub]\ndata = 'd'\n[infer]\nmodel = '{model}'\nlabels = ['persn', 'car']\nengine = 'ort'\nthreads = 0"
    ));
    for said in [
        "line 4: infer.model: there is no ",
        "line 5: infer.labels: ",
        "did you mean \"person\"?",
        "infer.onnxruntime: needed with `engine = \"ort\"`",
        "line 7: infer.threads: ",
    ] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
}

#[test]
fn a_list_of_no_labels_is_no_wish_to_see_nothing() {
    let text = faults("[hub]\ndata = 'd'\n[infer]\nlabels = []");
    assert!(text.contains("line 4: infer.labels: expected at least one label"), "{text}");
}

/// A library that had been moved: the hub did not start, where `auto` is to take tract.
#[test]
fn a_library_that_is_not_there_is_a_fault_of_the_engine_that_needs_it() {
    let model = "../edge-agent/src/config/checked/tests/model";
    let with = |engine: &str| {
        let text =
            format!("[hub]\ndata = 'd'\n[infer]\nmodel = '{model}'\nengine = '{engine}'\nonnxruntime = 'gone.so'");
        Config::parse(&text).map_err(|faults| faults.to_string()).err().unwrap_or_default()
    };
    assert!(with("ort").contains("line 6: infer.onnxruntime: "), "{}", with("ort"));
    assert!(!with("auto").contains("onnxruntime"), "{}", with("auto"));
}

#[test]
fn nothing_is_removed_by_age_or_budget_unless_the_operator_says_so() {
    let rules = |store: &str| Config::parse(&format!("[hub]\ndata = 'd'\n[store]\n{store}")).unwrap().retention;
    assert_eq!(rules(""), Rules { keep: None, budget: None, reserve: 1000 * MB });
    let set = rules("keep_days = 30\nbudget_mb = 50000\nmin_free_mb = 0");
    assert_eq!(set, Rules { keep: Some(DAY * 30), budget: Some(50_000 * MB), reserve: 0 });
    let text = faults("[hub]\ndata = 'd'\n[store]\nkeep_days = 0\nbudget_mb = 99");
    assert!(text.contains("line 4: store.keep_days: ") && text.contains("line 5: store.budget_mb: "), "{text}");
}

#[test]
fn another_broker_by_url() {
    let config = Config::parse("[hub]\ndata = 'd'\n[broker]\nurl = 'mqtt://om%20ma:p%40ss@broker.example'").unwrap();
    let BrokerConfig::External(broker) = &config.broker else { panic!("not external") };
    assert_eq!((broker.host.as_str(), broker.port), ("broker.example", 1883));
    let (user, password) = broker.credentials.clone().unwrap();
    assert_eq!((user.as_str(), password.expose().as_str()), ("om ma", "p@ss"));
    assert!(!format!("{config:?}").contains("p@ss"));
    assert_eq!(config.public_mqtts(), "broker.example:1883");
}

#[test]
fn what_join_tokens_name_as_the_broker_is_a_host_and_a_port() {
    let with = |public: &str| {
        Config::parse(&format!("[hub]\ndata = 'd'\n[broker]\nurl = 'mqtt://broker'\npublic = '{public}'"))
    };
    for right in ["broker.example:8883", "192.0.2.7:1883", "[2001:db8::1]:8883"] {
        assert_eq!(with(right).unwrap().public_mqtts(), right);
    }
    for wrong in [
        "",
        "broker.example",
        "broker.example:0",
        "broker.example:70000",
        ":8883",
        "mqtts://broker:8883",
        "u:p@broker:8883",
        "b:8883/x",
        "a b:1",
    ] {
        let faults = with(wrong).unwrap_err().to_string();
        assert!(faults.contains("line 5: broker.public: expected host and port"), "{wrong}: {faults}");
    }
}

#[test]
fn faults_of_the_brokers_url_never_show_it() {
    for url in ["mqtt//u:hunter2@h", "http://u:hunter2@h", "mqtts://u:hunter2@h", "mqtt://u:hunter2%zz@h"] {
        let text = faults(&format!("[hub]\ndata = 'd'\n[broker]\nurl = '{url}'"));
        assert!(text.contains("broker.") && !text.contains("hunter2"), "{text}");
    }
    let text = faults("[hub]\ndata = 'd'\n[broker]\nurl = 'mqtts://u:%zz@h'");
    assert!(text.contains("line 4: broker.url: %-codes") && text.contains("broker.ca: needed"), "{text}");
    let text = faults("[hub]\ndata = 'd'\n[broker]\nurl = 'http://h'\nca = 'x'");
    assert!(text.contains("line 4: broker.url: ") && text.contains("line 5: broker.ca: expected a PEM"), "{text}");
    let text = faults("[hub]\ndata = 'd'\n[broker]\nurl = 'mqtt://h'\nanonymous_read = true\nca = 'x'");
    assert!(text.contains("broker.anonymous_read") && text.contains("broker.ca"), "{text}");
}

#[test]
fn there_may_be_no_broker_and_then_nothing_is_said_of_one() {
    let config = Config::parse("[hub]\ndata = 'd'\n[broker]\nenabled = false").unwrap();
    assert!(matches!(config.broker, BrokerConfig::Absent) && config.public_mqtts().is_empty());
    assert_eq!(config.hosts(), ["127.0.0.1"]);
    let text = faults(
        "[hub]
data = 'd'
[broker]
enabled = false
listen = '127.0.0.1:1883'
tls_listen = '127.0.0.1:8883'
anonymous_read = true
url = 'mqtt://u:hunter2@h'
ca = 'x'
public = 'h:1'",
    );
    for (line, key) in (5..).zip(["listen", "tls_listen", "anonymous_read", "url", "ca", "public"]) {
        assert!(text.contains(&format!("line {line}: broker.{key}: ")), "{key} in\n{text}");
    }
    assert!(text.lines().count() == 6 && !text.contains("hunter2"), "{text}");
    Config::parse("[hub]\ndata = 'd'\n[broker]\nenabled = true\nlisten = '127.0.0.1:1883'").unwrap();
}

#[test]
fn what_would_open_events_to_the_network_in_the_clear_is_a_fault() {
    let with = |listen: &str| format!("[hub]\ndata = 'd'\n[broker]\nlisten = '{listen}'\nanonymous_read = true");
    for listen in ["0.0.0.0:1883", "10.0.0.5:1883", "[::]:1883"] {
        let text = faults(&with(listen));
        assert!(text.contains("line 5: broker.anonymous_read: ") && text.contains("127.0.0.1"), "{text}");
    }
    for listen in ["127.0.0.1:1883", "[::1]:1883"] {
        Config::parse(&with(listen)).unwrap();
    }
}

#[test]
fn live_video_that_nobody_could_see_is_a_fault() {
    let text = faults("[hub]\ndata = 'd'\n[live]\nudp = '0.0.0.0:8189'\nmax_sessions = 0");
    assert!(text.contains("line 4: live.udp: ") && text.contains("live.announce"), "{text}");
    assert!(text.contains("line 5: live.max_sessions: "), "{text}");
    Config::parse("[hub]\ndata = 'd'\n[live]\nudp = '0.0.0.0:8189'\nannounce = ['192.0.2.10']").unwrap();
}

#[test]
fn the_certificate_names_the_one_address_that_the_broker_listens_on() {
    let with = |listen: &str| {
        let text = format!("[hub]\ndata = 'd'\npublic_host = 'hub.example'\n[broker]\ntls_listen = '{listen}'");
        Config::parse(&text).unwrap().hosts()
    };
    assert_eq!(with("10.0.0.5:8883"), ["hub.example", "10.0.0.5"]);
    assert_eq!(with("0.0.0.0:8883"), ["hub.example"]);
}

#[test]
fn addresses_of_version_6_are_written_in_brackets() {
    let config = Config::parse("[hub]\ndata = 'd'\npublic_host = '2001:db8::1'").unwrap();
    assert_eq!(config.public_quic(), "[2001:db8::1]:4433");
}
