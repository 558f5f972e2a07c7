//! Debian's Mosquitto clients, which no one here wrote, against the broker in the box.

use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::SystemTime;

use hub_core::fence::HUB_CLIENT;
use tempfile::TempDir;

use super::*;

const STATUS: &str = "omma/v1/edges/site/status";
const OTHER_STATUS: &str = "omma/v1/edges/other/status";

struct Running {
    broker: Broker,
    config: Embedded,
    identity: Identity,
    doors: Doors,
    secret: Secret<String>,
    folder: TempDir,
}

fn free_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, omma_testkit::process::port::free()).into()
}

async fn running() -> Running {
    running_with(Ipv4Addr::LOCALHOST).await
}

/// With the plain listener on this address.
async fn running_with(plain: Ipv4Addr) -> Running {
    omma_runtime::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::open(folder.path(), &["127.0.0.1"], SystemTime::now()).unwrap();
    let edges = Edges::open(folder.path()).unwrap();
    let secret = edges.issue(&"site".parse().unwrap()).unwrap();
    edges.issue(&"other".parse().unwrap()).unwrap();
    let access = Access::open(folder.path()).unwrap();
    let doors = Doors { access, edges, attempts: Attempts::default() };
    let plain = Some((plain, free_port().port()).into());
    let config = Embedded { tls: free_port(), plain, anonymous_read: true };
    let broker = Broker::start(&config, &identity, doors.clone()).unwrap();
    Running { broker, config, identity, doors, secret, folder }
}

impl Running {
    async fn client(&self, program: &'static str, to: SocketAddr, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(["-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", &to.port().to_string()]);
        if to == self.config.tls {
            command.arg("--cafile").arg(self.folder.path().join("ca.pem"));
        }
        command.args(arguments);
        let run =
            move || command.output().unwrap_or_else(|e| panic!("{program}: {e}: is mosquitto-clients installed?"));
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// As the edge `site`, over TLS.
    async fn edge(&self, arguments: &[&str]) -> Output {
        let own = ["-i", "omma-edge-site", "-u", "site", "-P", self.secret.expose()];
        self.client("mosquitto_pub", self.config.tls, &[&own[..], arguments].concat()).await
    }

    async fn anonymous(&self, program: &'static str, arguments: &[&str]) -> Output {
        self.client(program, self.config.plain.unwrap(), arguments).await
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn allowed(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
    assert!(!said(output).to_lowercase().contains("authori"), "{}", said(output));
}

fn refused(output: &Output, why: &str) {
    let said = said(output).to_lowercase();
    assert!(said.contains(why), "expected `{why}` in: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_speaks_in_its_fence_and_anyone_on_the_machine_listens() {
    let hub = running().await;
    allowed(&hub.edge(&["-t", STATUS, "-r", "-m", "here"]).await);
    let heard = hub.anonymous("mosquitto_sub", &["-t", "omma/#", "-C", "1", "-W", "30"]).await;
    assert_eq!(String::from_utf8_lossy(&heard.stdout), "here\n", "{}", said(&heard));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_publishes_on_the_plain_listener() {
    let hub = running().await;
    refused(&hub.anonymous("mosquitto_pub", &["-t", STATUS, "-m", "x"]).await, "not authorized");
    // A secret in the clear is not taken, right as it is.
    let own = ["-i", "omma-edge-site", "-u", "site", "-P", hub.secret.expose(), "-t", STATUS, "-m", "x"];
    refused(&hub.anonymous("mosquitto_pub", &own).await, "not authorized");
    // Nor does a client of version 3.1.1, which can't be told, get its message through.
    hub.anonymous("mosquitto_pub", &["-V", "mqttv311", "-r", "-t", STATUS, "-m", "x"]).await;
    let heard = hub.anonymous("mosquitto_sub", &["-t", "#", "-C", "1", "-W", "1"]).await;
    assert_eq!(said(&heard).replace("Timed out\n", ""), "", "{}", said(&heard));
}

/// What it lacks beside version 5 is only to be told why not.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_version_3_1_1_speaks_in_its_fence_and_listens() {
    const OLD: [&str; 2] = ["-V", "mqttv311"];
    let hub = running().await;
    allowed(&hub.edge(&[&OLD[..], &["-t", STATUS, "-r", "-m", "here"]].concat()).await);
    hub.edge(&[&OLD[..], &["-t", OTHER_STATUS, "-r", "-m", "x"]].concat()).await;
    let listen = ["-t", "omma/v1/edges/+/status", "-v", "-W", "2"];
    let token = hub.doors.access.token();
    let reader = ["-u", READER_USER, "-P", token.expose()];
    for heard in [
        hub.client("mosquitto_sub", hub.config.tls, &[&OLD[..], &reader, &listen].concat()).await,
        hub.anonymous("mosquitto_sub", &[&OLD[..], &listen].concat()).await,
    ] {
        assert_eq!(String::from_utf8_lossy(&heard.stdout), format!("{STATUS} here\n"), "{}", said(&heard));
    }
    let wrong = ["-u", READER_USER, "-P", "wrong"];
    let heard = hub.client("mosquitto_sub", hub.config.tls, &[&OLD[..], &wrong, &listen].concat()).await;
    refused(&heard, "refused");
    let own = ["-i", "omma-edge-site", "-u", "site", "-P", hub.secret.expose(), "-t", "#", "-W", "2"];
    let heard = hub.client("mosquitto_sub", hub.config.tls, &[&OLD[..], &own].concat()).await;
    assert_eq!(String::from_utf8_lossy(&heard.stdout), "", "{}", said(&heard));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_and_no_secret_are_refused_on_tls() {
    let hub = running().await;
    let tls = hub.config.tls;
    for arguments in [
        &["-i", "omma-edge-site", "-u", "site", "-P", "wrong"][..],
        &["-i", "omma-edge-site", "-u", "nobody", "-P", hub.secret.expose()],
        &["-i", "x", "-u", HUB_USER, "-P", "wrong"],
        &["-i", "x", "-u", READER_USER, "-P", "wrong"],
        &["-i", "omma-edge-site", "-u", "site"],
    ] {
        let output = hub.client("mosquitto_pub", tls, &[arguments, &["-t", STATUS, "-m", "x"]].concat()).await;
        refused(&output, "bad user");
    }
    refused(&hub.client("mosquitto_pub", tls, &["-t", STATUS, "-m", "x"]).await, "not authorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_is_held_in_its_fence() {
    let hub = running().await;
    for topic in [OTHER_STATUS, "omma/v1/edges/site/acks", "omma/v1/hub/cameras/site.c/events", "elsewhere"] {
        refused(&hub.edge(&["-t", topic, "-m", "x"]).await, "not authorized");
    }
    let own = ["-i", "omma-edge-site", "-u", "site", "-P", hub.secret.expose(), "-C", "1", "-W", "1"];
    let subscribe = |filter| [&own[..], &["-t", filter]].concat();
    for filter in ["omma/v1/edges/other/#", "omma/v1/edges/+/acks", "#", "$share/g/omma/v1/edges/site/acks"] {
        let output = hub.client("mosquitto_sub", hub.config.tls, &subscribe(filter)).await;
        refused(&output, "all subscription requests were denied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_will_outside_of_the_fence_is_refused_at_connect() {
    let hub = running().await;
    let will = |topic| ["--will-topic", topic, "--will-payload", "gone", "--will-retain", "-t", STATUS, "-m", "x"];
    allowed(&hub.edge(&will(STATUS)).await);
    refused(&hub.edge(&will(OTHER_STATUS)).await, "not authorized");
    refused(&hub.anonymous("mosquitto_pub", &will(STATUS)).await, "not authorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_the_name_of_another_client() {
    let hub = running().await;
    for taken in ["omma-edge-site", "omma-edge-other", HUB_CLIENT] {
        let output = hub.anonymous("mosquitto_sub", &["-i", taken, "-t", "#", "-C", "1", "-W", "1"]).await;
        refused(&output, "not authorized");
    }
    let own = ["-i", "omma-edge-other", "-u", "site", "-P", hub.secret.expose(), "-t", STATUS, "-m", "x"];
    refused(&hub.client("mosquitto_pub", hub.config.tls, &own).await, "not authorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_token_reads_from_anywhere() {
    let hub = running().await;
    allowed(&hub.edge(&["-t", STATUS, "-r", "-m", "here"]).await);
    let reader = ["-u", READER_USER, "-P", hub.doors.access.token().expose(), "-t", "omma/#", "-C", "1", "-W", "30"];
    let heard = hub.client("mosquitto_sub", hub.config.tls, &reader).await;
    assert_eq!(String::from_utf8_lossy(&heard.stdout), "here\n", "{}", said(&heard));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_own_connection_and_nothing_else() {
    let hub = running().await;
    for port in [hub.config.tls, hub.config.plain.unwrap()] {
        for bytes in [&[0u8; 0][..], &[0xff; 4096], b"GET / HTTP/1.1\r\n\r\n", &[0x10, 0xff, 0xff, 0xff, 0x7f, 0, 4]] {
            let mut socket = TcpStream::connect(port).unwrap();
            // The broker may close before it has read all of it.
            socket.write_all(bytes).ok();
        }
    }
    allowed(&hub.edge(&["-t", STATUS, "-m", "x"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_listener_on_the_network_takes_no_token_and_nobody_without_one() {
    let hub = running_with(Ipv4Addr::UNSPECIFIED).await;
    let listen = ["-t", "#", "-C", "1", "-W", "1"];
    refused(&hub.anonymous("mosquitto_sub", &listen).await, "not authorized");
    let reader = ["-u", READER_USER, "-P", hub.doors.access.token().expose()];
    refused(&hub.anonymous("mosquitto_sub", &[&reader[..], &listen].concat()).await, "not authorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_and_locks_nobody_out() {
    let hub = running().await;
    let here = std::net::IpAddr::from(Ipv4Addr::LOCALHOST);
    while hub.doors.attempts.wrong(here, "mqtt").is_none() {}
    let wrong = ["-i", "omma-edge-site", "-u", "site", "-P", "wrong", "-t", STATUS, "-m", "x"];
    refused(&hub.client("mosquitto_pub", hub.config.tls, &wrong).await, "not authorized");
    allowed(&hub.edge(&["-t", STATUS, "-m", "x"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_started_again_at_once_and_a_taken_port_is_named() {
    let hub = running().await;
    let error = Broker::start(&hub.config, &hub.identity, hub.doors.clone()).unwrap_err().to_string();
    assert!(error.contains("broker.tls_listen") && error.contains("another program has the port"), "{error}");
    allowed(&hub.edge(&["-t", STATUS, "-m", "x"]).await);
    let Running { broker, config, identity, doors, secret, folder } = hub;
    broker.stop().await;
    let broker = Broker::start(&config, &identity, doors.clone()).unwrap();
    let hub = Running { broker, config, identity, doors, secret, folder };
    allowed(&hub.edge(&["-t", STATUS, "-m", "x"]).await);
    hub.broker.stop().await;
}
