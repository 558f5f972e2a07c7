//! What systemd is told of a service of `Type=notify`: sd_notify(3), in a dozen lines.
//!
//! Each message is one datagram of `KEY=value` lines to the socket that `NOTIFY_SOCKET` names, by path or, with a leading
//! `@`, in the abstract namespace. Without the variable nobody is told, and nothing is an error: what is told is advice,
//! and a service manager that does not listen must not keep a program from its work.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a manager that does not read holds up who tells it. Then it is not told.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a start that takes long asks for more time, and for how much.
const MORE_EVERY: Duration = Duration::from_secs(20);
const MORE: Duration = Duration::from_secs(120);

/// Tells the service manager, where there is one. Clones share its socket.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Option<Arc<Socket>>);

#[derive(Debug)]
struct Socket {
    datagrams: UnixDatagram,
    manager: SocketAddr,
}

impl Notifier {
    /// As the environment says. Where that can't be used nobody is told, and a log line says why.
    pub fn from_environment() -> Self {
        let Some(address) = env::var_os("NOTIFY_SOCKET").filter(|address| !address.is_empty()) else {
            return Self::default();
        };
        match Self::to(&address) {
            Ok(notifier) => notifier,
            Err(e) => {
                tracing::warn!(error = %e, ?address, "NOTIFY_SOCKET can't be used: the service manager is told nothing");
                Self::default()
            }
        }
    }

    /// To a socket's path, or, with a leading `@`, to its abstract name.
    ///
    /// # Errors
    /// When there can be no socket, or the address is none.
    pub fn to(address: &OsStr) -> io::Result<Self> {
        let manager = match address.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(address)?,
        };
        let datagrams = UnixDatagram::unbound()?;
        datagrams.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(Some(Arc::new(Socket { datagrams, manager }))))
    }

    /// The program does its work.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// Waits for a part of the start that may take long, and has the manager wait with it: it would end the program after
    /// `TimeoutStartSec=`, of which the default is 90 s.
    pub async fn starting<T>(&self, part: impl Future<Output = T>) -> T {
        let (mut part, mut often) = (pin!(part), tokio::time::interval(MORE_EVERY));
        loop {
            tokio::select! {
                done = &mut part => return done,
                _ = often.tick() => {
                    self.tell(&format!("EXTEND_TIMEOUT_USEC={}", MORE.as_micros()));
                }
            }
        }
    }

    /// How it is, in one line for people.
    pub fn status(&self, text: &str) {
        self.tell(&format!("STATUS={}", text.replace('\n', " ")));
    }

    /// It is alive: owed more often than [`watchdog`] says. False where the manager did not take it.
    pub fn alive(&self) -> bool {
        self.tell("WATCHDOG=1")
    }

    /// It ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Whether it was taken; true where nobody wants to hear it.
    fn tell(&self, message: &str) -> bool {
        let Some(socket) = &self.0 else { return true };
        let told = socket.datagrams.send_to_addr(message.as_bytes(), &socket.manager);
        if let Err(e) = &told {
            tracing::debug!(error = %e, message, "tell the service manager");
        }
        told.is_ok()
    }
}

/// How often the service manager wants to hear that the program is alive, or it ends it (`WatchdogSec=`). `None` where it
/// does not watch.
pub fn watchdog() -> Option<Duration> {
    let (period, pid) = (env::var("WATCHDOG_USEC").ok(), env::var("WATCHDOG_PID").ok());
    wanted(period.as_deref(), pid.as_deref(), std::process::id())
}

/// sd_watchdog_enabled(3): a process id that is not ours means that another process is watched.
fn wanted(period: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let micros: u64 = period?.parse().ok().filter(|&micros| micros > 0)?;
    match pid {
        Some(pid) if pid.parse() != Ok(own) => None,
        _ => Some(Duration::from_micros(micros)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(manager: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn a_socket_in_a_folder_and_an_abstract_one_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("omma-test-{}", std::process::id());
        let by_path = UnixDatagram::bind(&path).unwrap();
        let by_name = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        for (manager, address) in [(by_path, path.into_os_string()), (by_name, format!("@{name}").into())] {
            manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            let notifier = Notifier::to(&address).unwrap();
            notifier.ready();
            notifier.status("2 of 3 cameras are live\nREADY=0");
            notifier.alive();
            notifier.stopping();
            let told: [String; 4] = std::array::from_fn(|_| heard(&manager));
            assert_eq!(told, ["READY=1", "STATUS=2 of 3 cameras are live READY=0", "WATCHDOG=1", "STOPPING=1"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_start_that_takes_long_is_not_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let notifier = Notifier::to(path.as_os_str()).unwrap();
        let an_hour = async {
            for _ in 0..180 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                assert_eq!(heard(&manager), "EXTEND_TIMEOUT_USEC=120000000");
            }
            7
        };
        assert_eq!(notifier.starting(an_hour).await, 7);
    }

    #[test]
    fn a_manager_that_is_gone_or_does_not_read_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        Notifier::to(path.as_os_str()).unwrap().ready();
        let _deaf = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier::to(path.as_os_str()).unwrap();
        let began = std::time::Instant::now();
        // The kernel keeps ten, or some more.
        let taken = (0..30).filter(|_| notifier.alive()).count();
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
        assert!((1..30).contains(&taken), "{taken} of 30 were taken by someone who does not read");
        assert!(Notifier::default().alive(), "nobody wants to hear it");
    }

    #[test]
    fn only_the_process_that_is_meant_is_watched() {
        for (period, pid, expected) in [
            (None, None, None),
            (Some("0"), None, None),
            (Some("soon"), None, None),
            (Some("30000000"), None, Some(Duration::from_secs(30))),
            (Some("30000000"), Some("7"), Some(Duration::from_secs(30))),
            (Some("30000000"), Some("8"), None),
        ] {
            assert_eq!(wanted(period, pid, 7), expected, "{period:?} {pid:?}");
        }
    }
}
