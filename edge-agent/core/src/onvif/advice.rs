//! What goes wrong when devices are looked for and asked, in plain words.

use crate::device_text::words;
use crate::doctor::diagnose::{Finding, Severity, span};

/// A clock that is off by more than this is worth a word, seconds. Devices refuse logins that are off by a few.
const CLOCK_WORTH_A_WORD: u64 = 10;
/// From here on it is a fault, seconds.
const CLOCK_WRONG: u64 = 600;

/// No device answered a multicast. `asked` are interfaces with their addresses.
pub fn nothing_found(asked: &[String], waited_s: f32) -> Finding {
    if asked.is_empty() {
        return Finding::error(
            "no_interface",
            "This machine has no network interface that is up and has an IPv4 address.",
            "Connect it to the cameras' network, or name one with --interface.",
        );
    }
    Finding::error(
        "nothing_found",
        format!("No device answered within {waited_s} s. Asked on {}.", asked.join(", ")),
        "Is this machine in the cameras' own network segment (multicast does not cross routers)? Does a firewall here let \
         answers in (UDP from port 3702)? Is ONVIF switched on in the cameras' menus (many ship with it off)? A camera \
         whose address is known can be asked directly: edge-agent discover ADDRESS.",
    )
}

/// The system does not let the question out. `at` is an interface.
pub fn not_asked(at: &str, why: &str) -> Finding {
    Finding::warning(
        "not_asked",
        format!("Nobody could be asked on {at}: {why}."),
        "Does a firewall on this machine forbid UDP to 239.255.255.250:3702?",
    )
}

/// More devices than are asked further.
pub fn too_many(left_out: usize) -> Finding {
    Finding::warning(
        "too_many",
        format!("{left_out} more devices answered and were not asked further."),
        "Name one network with --interface, or the devices with ADDRESS.",
    )
}

/// A device that was named by a person answers neither the probe nor at the usual address.
pub fn no_answer(why: &str) -> Finding {
    Finding::error(
        "unreachable",
        format!("Nothing there answers as ONVIF does: {why}."),
        "Is the address right, the camera powered and ONVIF switched on in its menu? Where its web page has another port \
         than 80, give the whole address: http://ADDRESS:PORT/onvif/device_service.",
    )
}

/// Answers the probe, and then no question.
pub fn mute(why: &str) -> Finding {
    Finding::error(
        "device_service",
        format!("It answers the search, but not at the address of its device service: {why}."),
        "Does a firewall lie between, or is the camera behind a router? Then give the address that is reached from here: \
         http://ADDRESS:PORT/onvif/device_service.",
    )
}

/// No address that can be asked.
pub fn only_https() -> Finding {
    Finding::error(
        "only_https",
        "It offers ONVIF over HTTPS only, which is not spoken here yet.",
        "Allow HTTP beside HTTPS in its menu for as long as this takes: the password is not sent, only a digest of it. Or \
         take the stream's address from its manual.",
    )
}

/// Nobody's name was shown, and it wants one.
pub fn login_missing() -> Finding {
    Finding::error(
        "credentials_missing",
        "It wants user name and password.",
        "Give --user NAME --password-file FILE. Some cameras have users for ONVIF apart from those of their page.",
    )
}

/// It does not take the login. `basic`: its refusal names HTTP Basic, as some do that mean a wrong password or clock, and
/// as those do that want the password itself.
pub fn login_refused(clock_ahead_s: Option<i64>, basic: bool) -> Finding {
    let clock = match clock_ahead_s {
        Some(_) if basic => " This may be for its clock alone.",
        Some(_) => "",
        None => " It does not tell its time, so that this may be for its clock alone: set its time server (NTP).",
    };
    let basic = match basic {
        true => " Or it wants the password itself (HTTP Basic), which is not sent: set its authentication to Digest.",
        false => "",
    };
    Finding::error(
        "credentials_refused",
        format!("It refuses user name or password (401, not authorized).{clock}{basic}"),
        "Check both. Some cameras have users for ONVIF apart from those of their page, to be added in the menu of ONVIF; \
         some lock themselves for minutes after a few wrong ones.",
    )
}

/// None of the media services that it names can be asked.
pub fn no_media() -> Finding {
    Finding::error(
        "no_media",
        "It names no media service that can be asked over HTTP.",
        "Allow HTTP beside HTTPS in its menu. Or take the stream's address from its manual.",
    )
}

/// A question went wrong otherwise. `question` is what was to be learnt.
pub fn unanswered(question: &str, why: &str) -> Finding {
    Finding::warning(
        "unanswered",
        format!("It does not tell {question}: {why}."),
        "A newer firmware may. The camera's manual names its stream's address too.",
    )
}

/// Its clock is off. `None` where that does not matter.
pub fn clock(ahead_s: i64) -> Option<Finding> {
    let off = ahead_s.unsigned_abs();
    let way = if ahead_s > 0 { "ahead of" } else { "behind" };
    let severity = if off >= CLOCK_WRONG { Severity::Warning } else { Severity::Info };
    (off > CLOCK_WORTH_A_WORD).then(|| {
        Finding::new(
            severity,
            "clock_off",
            format!("Its clock is {} {way} this machine's.", span(off as f64)),
            "The login took that into account. Set its time server (NTP): other programs are refused, and the time that \
             it writes into its pictures is wrong.",
        )
    })
}

/// It thinks that it is elsewhere.
pub fn other_host(named: &str) -> Finding {
    Finding::info(
        "other_host",
        format!("It gives its address as {}, and was reached at another: that one is used.", words(named)),
        "Behind a router that is as it should be, if the router hands on the port of RTSP too (554). Else give the camera \
         a right address.",
    )
}

/// It has no stream that an edge takes.
pub fn no_stream() -> Finding {
    Finding::error(
        "no_stream",
        "It offers no H.264 or H.265 over RTSP.",
        "Set one of its profiles to H.264. MJPEG and snapshots over HTTP can be used too: their address is in its manual.",
    )
}

/// An address that may hold a password of the device's own making.
pub fn password_in_address() -> Finding {
    Finding::info(
        "password_in_address",
        "The stream's address seems to hold a password itself.",
        "Keep these lines to yourself, as the configuration.",
    )
}

/// Took too long.
pub fn slow(limit_s: u64) -> Finding {
    Finding::warning(
        "slow",
        format!("It was given up after {limit_s} s; what it had told by then is shown."),
        "Try again. A camera that is slow here is often out of memory: restart it.",
    )
}
