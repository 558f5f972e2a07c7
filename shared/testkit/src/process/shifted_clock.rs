//! A system clock that a test sets, for one process: a library in front of the C library, made with `cc`.
//!
//! Only what the process reads of the date (`CLOCK_REALTIME`) is shifted. Its timers, and everyone else's clock, go on as
//! they were.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// By how many seconds stands in a file that is mapped, so that reading it costs no call.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile long *seconds;
static int (*real)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("OMMA_TEST_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *page = mmap(NULL, sizeof(long), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED) seconds = page;
}

int clock_gettime(clockid_t id, struct timespec *now) {
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, now);
    if (!failed && id == CLOCK_REALTIME && seconds) now->tv_sec += *seconds;
    return failed;
}
"#;

/// The clock of the processes that are started with its [`ShiftedClock::environment`].
#[derive(Debug)]
pub struct ShiftedClock {
    library: PathBuf,
    seconds: PathBuf,
}

impl ShiftedClock {
    /// Makes it in `folder`. It shows the system's time.
    ///
    /// # Panics
    /// Where there is no C compiler.
    pub fn new(folder: &Path) -> Self {
        let source = folder.join("clock.c");
        let clock = Self { library: folder.join("clock.so"), seconds: folder.join("seconds") };
        fs::write(&source, SHIM).expect("write the shim");
        clock.set_by(0);
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).args([&clock.library, &source]).arg("-ldl");
        let made = cc.output().expect("cc: `make setup` installs it");
        assert!(made.status.success(), "cc: {}", String::from_utf8_lossy(&made.stderr));
        clock
    }

    /// What the processes need.
    pub fn environment(&self) -> [(&str, &str); 2] {
        [("LD_PRELOAD", &self.library), ("OMMA_TEST_CLOCK", &self.seconds)]
            .map(|(name, path)| (name, path.to_str().expect("a folder whose name is text")))
    }

    /// From now on it shows the system's time and so many seconds more.
    ///
    /// # Panics
    /// Where the file can't be written.
    pub fn set_by(&self, seconds: i64) {
        // Not truncated first: for that moment who reads would have nothing mapped.
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&self.seconds);
        file.and_then(|mut file| file.write_all(&seconds.to_ne_bytes())).expect("set the clock");
    }
}
