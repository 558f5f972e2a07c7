//! How the machine under the agent is. What it does not tell is left out.

use std::fs;
use std::path::{Component, Path, PathBuf};

use nix::sys::statvfs::statvfs;
use omma_runtime::metrics;
use serde::Serialize;

/// One look at the machine.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Machine {
    /// The hottest of its thermal zones, °C.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
    /// Free on the disk of the state folder, for programs without privileges, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_free_mb: Option<u64>,
    /// Size of that disk, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_total_mb: Option<u64>,
    /// Memory that programs can still have, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_available_mb: Option<u64>,
    /// Resident memory of this process, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resident_mb: Option<u64>,
    /// Processes that ran or waited for the disk, on average of the last minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// Since the machine's start, s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_uptime_s: Option<u64>,
}

impl Machine {
    /// Looks. `root` is `/`, `data` the state folder. Reads files: not for a task.
    pub fn look(root: &Path, data: &Path) -> Self {
        let disk = statvfs(data).ok();
        #[allow(clippy::unnecessary_cast, reason = "both are 32 bits wide on 32-bit boards")]
        let size = |blocks: fn(&nix::sys::statvfs::Statvfs) -> u64| {
            disk.as_ref().map(|disk| blocks(disk).saturating_mul(disk.fragment_size() as u64) / 1_000_000)
        };
        #[allow(clippy::unnecessary_cast, reason = "both are 32 bits wide on 32-bit boards")]
        let (free, total) = (size(|disk| disk.blocks_available() as u64), size(|disk| disk.blocks() as u64));
        Self {
            temperature_c: temperature(root),
            disk_free_mb: free,
            disk_total_mb: total,
            memory_available_mb: text(root, "proc/meminfo")
                .as_deref()
                .and_then(available)
                .map(|bytes| bytes / 1_000_000),
            resident_mb: resident().map(|bytes| bytes / 1_000_000),
            load: text(root, "proc/loadavg").as_deref().and_then(first),
            machine_uptime_s: text(root, "proc/uptime").as_deref().and_then(first).map(|seconds: f64| seconds as u64),
        }
    }
}

/// Resident memory of this process, bytes.
pub fn resident() -> Option<u64> {
    metrics::resident_memory().map(|bytes| bytes as u64)
}

/// The least that this process's control group, or one around it, lets it have, bytes: `memory.max` of cgroup v2, and
/// `memory.limit_in_bytes` of v1. `None` where there is no limit.
pub fn memory_max(root: &Path) -> Option<u64> {
    let groups = text(root, "proc/self/cgroup")?;
    groups.lines().filter_map(|line| limit(root, line)).min()
}

/// Of one line of `/proc/self/cgroup`, cgroups(7): `0::/a/b` or `7:memory:/a/b`.
fn limit(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, group) = (parts.next()?, parts.next()?);
    let (mount, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        "memory" => ("sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        _ => return None,
    };
    // Where the group's path is one of the host's, as in a container without a namespace of its own, only the root is
    // there, and it is ours.
    let inside: PathBuf = Path::new(group).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let groups = inside.ancestors().map(|group| root.join(mount).join(group).join(file));
    groups.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).filter(|&max| max < UNLIMITED).min()
}

/// cgroup v1 says so in place of `max`: the largest page-aligned number, or near it.
const UNLIMITED: u64 = 1 << 60;

fn temperature(root: &Path) -> Option<f64> {
    let zones = fs::read_dir(root.join("sys/class/thermal")).ok()?.flatten();
    let celsius = zones.filter_map(|zone| {
        let milli: i32 = fs::read_to_string(zone.path().join("temp")).ok()?.trim().parse().ok()?;
        // A zone without a sensor says zero, or nonsense.
        (1..150_000).contains(&milli).then_some(milli)
    });
    celsius.max().map(|milli| f64::from(milli) / 1000.0)
}

/// `MemAvailable` of `/proc/meminfo`, proc(5).
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes.saturating_mul(1024))
}

fn first(text: &str) -> Option<f64> {
    text.split_ascii_whitespace().next()?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn text(root: &Path, file: &str) -> Option<String> {
    fs::read_to_string(root.join(file)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_board_is_read_as_its_manuals_say() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for (file, text) in [
            ("sys/class/thermal/thermal_zone0/temp", "48312\n"),
            ("sys/class/thermal/thermal_zone1/temp", "51500\n"),
            ("sys/class/thermal/thermal_zone2/temp", "-274000\n"),
            ("sys/class/thermal/cooling_device0/type", "fan\n"),
            ("proc/meminfo", "MemTotal:  1000 kB\nMemAvailable:    250000 kB\n"),
            ("proc/loadavg", "0.52 0.58 0.59 1/467 12345\n"),
            ("proc/uptime", "86400.25 1234.5\n"),
        ] {
            write(root, file, text);
        }
        let machine = Machine::look(root, root);
        assert_eq!((machine.temperature_c, machine.load), (Some(51.5), Some(0.52)));
        assert_eq!((machine.memory_available_mb, machine.machine_uptime_s), (Some(256), Some(86_400)));
        assert!(machine.disk_total_mb >= machine.disk_free_mb && machine.disk_total_mb > Some(0), "{machine:?}");
    }

    #[test]
    fn a_machine_that_tells_nothing_is_shown_as_nothing() {
        let root = tempfile::tempdir().unwrap();
        let machine = Machine { resident_mb: None, ..Machine::look(root.path(), Path::new("/no/such/folder")) };
        assert_eq!(serde_json::to_string(&machine).unwrap(), "{}");
        assert_eq!(memory_max(root.path()), None);
    }

    #[test]
    fn the_least_limit_of_the_groups_around_counts() {
        for (cgroup, files, expected) in [
            ("0::/system.slice/omma.service\n", vec![("system.slice/omma.service/memory.max", "max\n")], None),
            (
                "0::/system.slice/omma.service\n",
                vec![
                    ("system.slice/omma.service/memory.max", "300000000\n"),
                    ("system.slice/memory.max", "200000000\n"),
                ],
                Some(200_000_000),
            ),
            ("0::/kubepods/far/away\n", vec![("memory.max", "134217728\n")], Some(134_217_728)),
            ("0::/../other\n", vec![("memory.max", "1000\n")], Some(1000)),
            (
                "5:memory:/docker/a\n1:name=systemd:/x\n",
                vec![("memory/docker/a/memory.limit_in_bytes", "9223372036854771712\n")],
                None,
            ),
            ("5:memory:/docker/a\n", vec![("memory/memory.limit_in_bytes", "1000000\n")], Some(1_000_000)),
        ] {
            let root = tempfile::tempdir().unwrap();
            write(root.path(), "proc/self/cgroup", cgroup);
            for (file, text) in files {
                write(&root.path().join("sys/fs/cgroup"), file, text);
            }
            assert_eq!(memory_max(root.path()), expected, "{cgroup}");
        }
    }
}
