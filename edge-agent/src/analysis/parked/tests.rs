use tempfile::TempDir;

use super::*;

fn parked(seen_s: i64) -> Parked {
    let rect = |x: f32| Rect { x, y: 0.25, w: 0.125, h: 0.5 };
    let thing = ParkedThing {
        label: "car".into(),
        rect: rect(0.5),
        score: 0.75,
        place: rect(0.25),
        since: CaptureTime(1_700_000_000_000_000),
        seen: CaptureTime(1_700_000_000_000_000 + seen_s * 1_000_000),
        told: vec![("arrives".into(), None), ("gate".into(), Some(Direction::ToLeft))],
    };
    let view = Thumbnail { columns: 3, rows: 2, means: vec![0.0, 1.0, 90.0, 128.0, 254.0, 255.0] };
    Parked { view, things: vec![thing] }
}

/// A run of the program, with a runtime of its own.
fn run<T>(folder: &TempDir, does: impl FnOnce(ParkedFile, Option<Parked>, &Handle) -> T) -> T {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut file = ParkedFile::new(folder.path(), &"door".parse().unwrap());
    let known = file.read(runtime.handle());
    does(file, known, runtime.handle())
}

#[test]
fn what_is_parked_is_known_to_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    run(&folder, |file, known, runtime| {
        assert_eq!(known, None);
        file.end(parked(60), runtime);
    });
    // Killed in its midst: what it kept last is there.
    run(&folder, |mut file, known, runtime| {
        assert_eq!(known, Some(parked(60)));
        file.keep(parked(100), runtime);
        while file.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        file.keep(parked(110), runtime);
        assert!(file.writing.is_none(), "nothing is new, and nothing written");
    });
    run(&folder, |file, known, runtime| {
        assert_eq!(known, Some(parked(100)));
        file.end(parked(110), runtime);
    });
    run(&folder, |file, known, runtime| {
        assert_eq!(known, Some(parked(110)), "at the end what is so now is written, though it is no news");
        file.end(Parked::default(), runtime);
    });
    run(&folder, |_, known, _| assert_eq!(known, Some(Parked::default()), "it drove off"));
}

#[test]
fn a_damaged_file_is_set_aside_and_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("parked/door.json"), folder.path().join("parked/door.json.damaged"));
    for damaged in [&b"{\"version\":1,\"view\""[..], b"", b"null", &vec![b' '; 2 << 20]] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, damaged).unwrap();
        run(&folder, |file, known, runtime| {
            assert_eq!(known, None);
            assert!(aside.exists() && !path.exists());
            file.end(parked(60), runtime);
        });
        run(&folder, |_, known, _| assert_eq!(known, Some(parked(60))));
    }
}

#[test]
fn a_file_of_a_later_version_and_a_folder_that_takes_nothing_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("parked")).unwrap();
    let later = "{\"version\":2,\"view\":{\"columns\":0,\"means\":[]},\"things\":[]}";
    fs::write(folder.path().join("parked/door.json"), later).unwrap();
    run(&folder, |_, known, _| assert_eq!(known, None));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("parked"), "a file").unwrap();
    run(&folder, |mut file, known, runtime| {
        assert_eq!(known, None);
        file.keep(parked(60), runtime);
        file.end(parked(60), runtime);
    });
}

#[test]
fn a_write_that_failed_is_done_anew_though_nothing_is_parked_any_more() {
    let folder = tempfile::tempdir().unwrap();
    run(&folder, |file, _, runtime| file.end(parked(60), runtime));
    run(&folder, |mut file, _, runtime| {
        file.writing = Some(runtime.spawn_blocking(|| Err(io::Error::other("no disk"))));
        while file.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        file.end(Parked::default(), runtime);
    });
    run(&folder, |_, known, _| assert_eq!(known, Some(Parked::default())));
}
