use super::*;

const AGENT: &str = "edge-agent 1.2.3";

fn begin(folder: &Path, boot: &str) -> (Record, Past) {
    Record::begin_in(folder, AGENT, boot.to_owned())
}

#[test]
fn a_run_that_was_killed_is_told_from_one_that_ended_and_from_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let (record, past) = begin(&folder, "first");
    assert_eq!(past, Past::default());
    record.end();
    let (_killed, past) = begin(&folder, "first");
    assert_eq!((past.last_run, past.unclean_ends), (LastRun::Ended, 0));
    let (_powerless, past) = begin(&folder, "first");
    assert_eq!((past.last_run, past.unclean_ends), (LastRun::Killed, 1));
    let (record, past) = begin(&folder, "second");
    assert_eq!((past.last_run, past.unclean_ends), (LastRun::MachineRestarted, 2));
    record.end();
    assert_eq!(begin(&folder, "second").1.unclean_ends, 2, "the count outlives a good end");
}

#[test]
fn the_newest_five_reports_are_found_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (record, _) = begin(folder.path(), "first");
    for n in 0..8 {
        record.report("panic", &format!("number {n}"), "src/main.rs:1:1".to_owned());
    }
    let (_, past) = begin(folder.path(), "first");
    let messages: Vec<_> = past.crashes.iter().map(|report| report.message.as_str()).collect();
    assert_eq!(messages, ["number 3", "number 4", "number 5", "number 6", "number 7"]);
    let last = past.crashes.last().unwrap();
    assert_eq!((last.kind.as_str(), last.agent.as_str(), last.place.as_str()), ("panic", AGENT, "src/main.rs:1:1"));
    assert!(last.time_us > 0, "{last:?}");
}

#[test]
fn what_was_told_is_not_told_again_and_what_was_not_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(begin(folder.path(), "first"));
    // Killed again before anything was told.
    begin(folder.path(), "first").0.report("panic", "early", String::new());
    let (record, _) = begin(folder.path(), "second");
    let untold = record.untold();
    let ends: Vec<_> = untold.ends.iter().map(|end| (end.number, end.machine_restarted)).collect();
    assert_eq!(ends, [(1, false), (2, true)]);
    assert!(untold.ends.iter().all(|end| end.began_us > 0 && end.agent == AGENT), "{untold:?}");
    record.report("panic", "late", String::new());
    record.told(&untold);
    let messages = |untold: &Untold| untold.reports.iter().map(|(_, r)| r.message.clone()).collect::<Vec<_>>();
    assert_eq!((messages(&untold), messages(&record.untold())), (vec!["early".to_owned()], vec!["late".to_owned()]));
    record.told(&record.untold());
    record.end();
    let (record, past) = begin(folder.path(), "second");
    assert!(record.untold().is_empty() && past.crashes.len() == 2, "{past:?}");
    // Whether the marks of reports that are gone gather.
    for n in 0..20_i64 {
        record.report("panic", &n.to_string(), String::new());
        let now_us = now_us() + (n + 1) * 3600 * 1_000_000;
        record.told_at(&record.untold_at(now_us), now_us);
    }
    assert_eq!(record.run().told.len(), KEPT);
}

#[test]
fn a_crash_loop_is_told_a_few_times_and_then_once_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ends, mut reports) = (vec![], vec![]);
    let mut tell = |record: &Record, now_us: i64| {
        let untold = record.untold_at(now_us);
        ends.extend(untold.ends.iter().map(|end| (end.number, end.before)));
        reports.extend(untold.reports.iter().map(|(_, report)| report.message.clone()));
        record.told_at(&untold, now_us);
    };
    // Each run crashes, and the next one tells of it: a minute of real time at most.
    drop(begin(folder.path(), "first"));
    for n in 1..=20 {
        let (record, past) = begin(folder.path(), "first");
        assert_eq!(past.unclean_ends, n, "all are counted");
        record.report("panic", &n.to_string(), String::new());
        tell(&record, now_us());
    }
    let (record, _) = begin(folder.path(), "first");
    let later = now_us() + 2 * 3600 * 1_000_000;
    tell(&record, later);
    tell(&record, later);
    assert_eq!(ends, [(1, 0), (2, 0), (3, 0), (21, 17)]);
    assert_eq!(reports, ["1", "2", "3", "16", "17", "18"], "those that lie there wait for the next hour");
}

#[test]
fn the_record_of_an_earlier_version_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("run.json"), r#"{"ended":false,"unclean_ends":3,"boot":"first","agent":"old"}"#)
        .unwrap();
    let (record, past) = begin(folder.path(), "first");
    assert_eq!((past.last_run, past.unclean_ends), (LastRun::Killed, 4));
    let [end] = &record.untold().ends[..] else { panic!("one end") };
    assert_eq!((end.number, end.began_us, end.agent.as_str()), (4, 0, "old"));
}

#[test]
fn a_thread_that_panics_leaves_a_report_with_its_place_and_name() {
    let folder = tempfile::tempdir().unwrap();
    let (record, _) = begin(folder.path(), "first");
    record.report_panics(&["runtime-that-is-none"]);
    let thread = std::thread::Builder::new().name("look door".to_owned());
    let panicked = thread.spawn(|| {
        let said = contained(|| panic!("a disk\nfailed")).unwrap_err();
        assert!(said.starts_with("runtime/src/crash/tests.rs:") && said.ends_with(": a disk\nfailed"), "{said}");
        assert_eq!(contained(|| 7), Ok(7));
        let later = async |done: Result<u8, &str>| {
            tokio::task::yield_now().await;
            done.unwrap_or_else(|said| panic!("{said}"))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let [said, done] = [Err("a camera's words"), Ok(7)].map(|done| runtime.block_on(contained_future(later(done))));
        assert!(said.unwrap_err().ends_with(": a camera's words"));
        assert_eq!(done, Ok(7));
        panic!("index 7 is out of range")
    });
    let panicked = panicked.unwrap().join();
    drop(panic::take_hook());
    assert!(panicked.is_err());
    let reports = begin(folder.path(), "first").1.crashes;
    let ours: Vec<_> = reports.iter().filter(|report| report.thread == "look door").collect();
    let [report] = ours[..] else { panic!("a contained panic left a report, or this one none: {ours:?}") };
    assert_eq!((report.kind.as_str(), report.message.as_str()), ("panic", "index 7 is out of range"));
    assert!(report.place.contains("tests.rs:"), "{report:?}");
}

#[test]
fn garbage_in_the_folder_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("crashes")).unwrap();
    fs::write(folder.path().join("run.json"), "{").unwrap();
    fs::write(folder.path().join("crashes/1.json"), vec![b'['; 20_000]).unwrap();
    let (record, past) = begin(folder.path(), "first");
    assert_eq!(past, Past::default());
    record.report("panic", "real", String::new());
    assert_eq!(begin(folder.path(), "first").1.crashes.len(), 1);
}

#[test]
fn what_could_not_be_cut_is_not_repeated() {
    for message in [
        "start byte index 2 is not a char boundary; it is inside 'ä' (bytes 1..3) of `päss-hunter2`",
        "end byte index 99 is out of bounds of `päss-hunter2`",
        "begin <= end (4 <= 2) when slicing `päss-hunter2`",
    ] {
        let left = without_quotes(message);
        assert!(!left.contains("hunter2") && left.len() > 20, "{left}");
    }
    assert_eq!(without_quotes("index 7 is out of range for 3 of them"), "index 7 is out of range for 3 of them");
}

#[test]
fn a_place_is_told_within_its_crate() {
    let registry = "/somewhere/registry/src/index/retina-0.4.21/src/client/mod.rs:7:1";
    assert_eq!(within_crate(registry), "retina-0.4.21/src/client/mod.rs:7:1");
    assert_eq!(within_crate("edge-agent/src/source.rs:7:1"), "edge-agent/src/source.rs:7:1");
    assert_eq!(within_crate("main.rs"), "main.rs");
}
