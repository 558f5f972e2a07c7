//! The hub on a broker that was there before it: Debian's Mosquitto.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use cloud_hub::config::{BrokerConfig, Config};
use cloud_hub::feed::Feed;
use cloud_hub::identity::Identity;
use cloud_hub::ingest::keep::Keeper;
use cloud_hub::ingest::mqtt::{self, Mqtt, Reach};
use cloud_hub::registry::Registry;
use cloud_hub::store::{Filter, Store};
use omma_protocol::event::Lasting;
use omma_protocol::wire::mqtt::EventMessage;
use omma_runtime::health::Health;
use omma_testkit::process::port;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Long enough for the slowest machine: reached only where a test fails.
const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: &str = "omma/v1/edges/site/cameras/door/events";

struct Mosquitto(Child);

impl Mosquitto {
    /// With a password, and everything in memory. Its sessions live as long as it does.
    fn start(folder: &Path, port: u16) -> Self {
        let passwords = folder.join("passwords");
        let status = Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&passwords).args(["hub", "p@ss"]).status();
        assert!(status.expect("is mosquitto installed?").success());
        let config = folder.join("mosquitto.conf");
        let user = if nobody_else_may_read(folder) { "root" } else { "mosquitto" };
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {}\nuser {user}\n",
            passwords.display()
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("mosquitto").arg("-c").arg(&config).stderr(Stdio::null()).spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child)
    }
}

/// Started as root, Mosquitto would become a user who can't read a folder of the test's own.
fn nobody_else_may_read(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(folder).unwrap().uid() == 0
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

struct Hub {
    store: Store,
    health: Health,
    end: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn hub(folder: &Path, port: u16) -> Hub {
    omma_runtime::tls::install_provider();
    let text = format!("[hub]\ndata = '{}'\n[broker]\nurl = 'mqtt://hub:p%40ss@127.0.0.1:{port}'\n", folder.display());
    let config = Config::parse(&text).unwrap();
    let BrokerConfig::External(external) = &config.broker else { panic!("not external") };
    let identity = Identity::open(&config.data, &["hub"], SystemTime::now()).unwrap();
    let options = mqtt::options(&Reach::External(external), &identity).unwrap();
    let (store, announcements) =
        Store::open(&config.database, &folder.join("pictures"), Feed::default()).await.unwrap();
    let health = Health::new();
    let mqtt = Mqtt {
        keeper: Keeper::new(store.clone(), health.part("store")),
        registry: Registry::default(),
        announcements,
        broker_health: health.part("broker"),
    };
    let end = CancellationToken::new();
    let task = tokio::spawn(mqtt.run(options, end.clone()));
    Hub { store, health, end, task }
}

impl Hub {
    async fn until_ready(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.health.readiness().ready {
            assert!(Instant::now() < deadline, "{:?}", self.health.readiness());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_stored(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let filter = Filter { limit: 500, ..Filter::default() };
        loop {
            let stored = self.store.events(&filter).await.unwrap().len();
            if stored == count {
                return;
            }
            assert!(Instant::now() < deadline, "{stored} of {count} events are stored");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn stop(self) {
        self.end.cancel();
        self.task.await.unwrap();
        self.store.close().await;
    }
}

fn event(sequence: u64) -> Value {
    json!({
        "outbox": Uuid::from_u128(1), "sequence": sequence, "id": Uuid::from_u128(u128::from(sequence)),
        "stream": "site.door", "phase": "opened", "revision": 1, "label": "person", "track": 3, "score": 0.5,
        "box": [0.25, 0.25, 0.5, 0.5], "opened_us": 5, "best_us": 5, "place": "edge", "engine": "tract", "model": "m"
    })
}

fn publish(port: u16, sequence: u64) {
    let status = Command::new("mosquitto_pub")
        .args(["-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", &port.to_string(), "-u", "hub", "-P", "p@ss"])
        .args(["-t", EVENTS, "-m", &event(sequence).to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// What an integration hears of the hub's own events; the broker keeps its session between two calls.
fn listen(port: u16, more: &[&str]) -> String {
    let output = Command::new("mosquitto_sub")
        .args(["-V", "mqttv311", "-i", "reader", "-c", "-q", "1", "-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-u", "hub", "-P", "p@ss", "-t", "omma/v1/hub/#"])
        .args(more)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_the_hub_was_away_is_stored_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let port = port::free();
    let _mosquitto = Mosquitto::start(folder.path(), port);
    let first = hub(folder.path(), port).await;
    first.until_ready().await;
    publish(port, 1);
    first.until_stored(1).await;
    first.stop().await;
    for sequence in 2..=30 {
        publish(port, sequence);
    }
    let second = hub(folder.path(), port).await;
    second.until_stored(30).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_hubs_own_analysis_closes_at_the_end_is_still_published() {
    let folder = tempfile::tempdir().unwrap();
    let port = port::free();
    let _mosquitto = Mosquitto::start(folder.path(), port);
    let hub = hub(folder.path(), port).await;
    hub.until_ready().await;
    // Subscribes and goes again.
    listen(port, &["-E"]);
    let own: EventMessage = serde_json::from_value(event(1)).unwrap();
    hub.store.hub_event(&own.stream, Lasting::Event(own.to_event())).await.unwrap();
    hub.stop().await;
    let heard = listen(port, &["-C", "1", "-W", "60"]);
    assert!(heard.contains(&own.id.to_string()), "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_was_away_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = port::free();
    let hub = hub(folder.path(), port).await;
    let mosquitto = Mosquitto::start(folder.path(), port);
    hub.until_ready().await;
    drop(mosquitto);
    let deadline = Instant::now() + PATIENCE;
    while hub.health.readiness().ready {
        assert!(Instant::now() < deadline, "the hub has not noticed that its broker is away");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let readiness = format!("{:?}", hub.health.readiness());
    assert!(readiness.contains("can't be reached") && !readiness.contains("p@ss"), "{readiness}");
    let _mosquitto = Mosquitto::start(folder.path(), port);
    hub.until_ready().await;
    publish(port, 1);
    hub.until_stored(1).await;
    hub.stop().await;
}
