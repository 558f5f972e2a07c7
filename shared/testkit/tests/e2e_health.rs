//! What an edge tells whoever started it, and what it says of the run before.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use omma_testkit::process::{Launch, port};
use omma_testkit::stack::Camera;
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::wait;
use serde_json::{Value, json};

/// `WatchdogSec=` of these tests.
const PERIOD: Duration = Duration::from_secs(2);

/// An edge whose camera and broker are away, which is no reason to be ill.
fn start(environment: &[(&str, &str)]) -> EdgeOnly {
    let camera =
        Camera { placement: "none", ..Camera::at("door", format!("rtsp://127.0.0.1:{}/absent", port::free())) };
    let mqtt = format!("url = \"mqtt://127.0.0.1:{}\"", port::free());
    let mut stack = EdgeOnly::start_in(vec![camera], &mqtt, environment);
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("the broker can't be reached: trying again");
    stack
}

/// systemd's end of the socket, always read, as systemd does.
struct Manager(mpsc::Receiver<(Instant, String)>);

impl Manager {
    fn bind(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok(length) = socket.recv(&mut buffer) {
                let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if tell.send((Instant::now(), message)).is_err() {
                    return;
                }
            }
        });
        Self(heard)
    }

    /// Waits for a message that begins so. Gives what came before it too.
    fn hear_until(&self, message: &str) -> Vec<(Instant, String)> {
        let mut heard = vec![];
        while heard.last().is_none_or(|(_, last): &(_, String)| !last.starts_with(message)) {
            let next = self.0.recv_timeout(wait::LONG);
            heard.push(next.unwrap_or_else(|e| panic!("waited for {message}: {e} after {heard:?}")));
        }
        heard
    }
}

#[test]
fn systemd_hears_that_an_edge_is_ready_alive_and_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = Manager::bind(&path);
    let period = PERIOD.as_micros().to_string();
    let address = path.display().to_string();
    let mut stack = start(&[("NOTIFY_SOCKET", &address), ("WATCHDOG_USEC", &period)]);
    let mut heard = manager.hear_until("READY=1");
    let is_status = |(_, message): &(Instant, String)| message.starts_with("STATUS=");
    if !heard.iter().any(is_status) {
        heard.extend(manager.hear_until("STATUS="));
    }
    let statuses: Vec<_> = heard.iter().filter(|heard| is_status(heard)).map(|(_, said)| said.as_str()).collect();
    assert_eq!(statuses.first(), Some(&"STATUS=0 of 1 cameras live"));

    // At half of the period: six more of them take three periods.
    let beat = || manager.hear_until("WATCHDOG=1").last().map(|(at, _)| *at).unwrap();
    let began = beat();
    let took = (0..6).fold(began, |_, _| beat()) - began;
    assert!(took > PERIOD * 2 && took < PERIOD * 5, "six beats took {took:?}");

    stack.edge.stop();
    manager.hear_until("STOPPING=1");
    stack.edge.check_log();
}

#[test]
fn the_next_start_says_how_the_last_run_ended_and_what_it_left() {
    let mut stack = start(&[]);
    let health = health(&stack);
    assert_eq!((&health["last_run"], &health["crashes"]), (&json!("unknown"), &json!([])), "{health}");
    assert_eq!(health["clock"]["plausible"], true, "{health}");
    let measured = wait::until("the machine to be looked at", wait::LONG, || {
        let health = self::health(&stack);
        if health["disk_free_mb"].is_u64() { Ok(health) } else { Err(health.to_string()) }
    });
    assert!(measured["resident_mb"].as_u64() > Some(1), "{measured}");
    assert!(stack.api.metric("omma_health_disk_free_bytes").unwrap() > 0.0);

    stack.edge.kill9();
    let crashes = stack.folder().join("edge/crashes");
    std::fs::create_dir_all(&crashes).unwrap();
    let report = json!({
        "time_us": 1, "kind": "watchdog", "message": "stuck: analysis of door (61 s)", "place": "", "thread": "watchdog",
        "agent": "edge-agent 0"
    });
    std::fs::write(crashes.join("00000000000000000001-000.json"), report.to_string()).unwrap();
    stack.edge.restart();
    stack.wait_for_edge();
    let health = self::health(&stack);
    assert_eq!((&health["last_run"], &health["unclean_ends"]), (&json!("killed"), &json!(1)), "{health}");
    assert_eq!(health["crashes"], json!([report]));
    assert_eq!(stack.api.metric("omma_health_unclean_ends").unwrap(), 1.0);

    stack.edge.stop();
    stack.edge.restart();
    stack.wait_for_edge();
    let health = self::health(&stack);
    assert_eq!((&health["last_run"], &health["unclean_ends"]), (&json!("ended"), &json!(1)), "{health}");
    stack.finish();
}

fn health(stack: &EdgeOnly) -> Value {
    stack.api.json("/state").unwrap()["health"].clone()
}

#[test]
fn the_documented_units_are_ones_that_systemd_takes() {
    let tool = Path::new("/usr/bin/systemd-analyze");
    if !tool.is_file() {
        // The test runner holds back what `println!` says in a test that passes.
        writeln!(std::io::stderr(), "SKIPPED: systemd-analyze is not installed on this machine").unwrap();
        return;
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate/systemd.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut units = page.split("```ini\n").skip(1).map(|rest| rest.split("```").next().expect("a unit on the page"));
    for (name, program) in [("omma-edge", "/usr/local/bin/edge-agent"), ("omma-hub", "/usr/local/bin/cloud-hub")] {
        let unit = units.next().expect("two units on the page");
        let unit: String = unit.lines().map(|line| line.trim_start().to_owned() + "\n").collect();
        // The program must be there to be verified.
        assert!(unit.contains(program), "{unit}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(format!("{name}.service"));
        std::fs::write(&file, unit.replace(program, "/bin/true")).unwrap();
        let verify = Launch::of_system("systemd-analyze").args(["verify", "--man=no"]);
        let (status, _, said) = verify.args([file.display().to_string()]).run();
        // What it does not know it passes over with a line.
        assert!(status.success() && said.is_empty(), "{name}: {status}: {said}");
    }
}
