use super::super::memory::Sample;
use super::*;

/// A run in which all went well.
fn good() -> Findings {
    Findings {
        seed: 7,
        time: Duration::from_secs(1800),
        cameras: 8,
        misfortunes: BTreeMap::from([("camera cut", 3), ("hub killed", 2)]),
        live_after: Some(Duration::from_secs(4)),
        newest: 3,
        records: vec![(1, true), (2, true), (3, true)],
        events: vec![seen("site.door", 10), seen("site.gate", 99), seen("site.door", 100), seen("site.gate", 130)],
        watched: vec!["site.door".to_owned(), "site.gate".to_owned()],
        events_from_us: 100,
        lives: vec![life("edge", 20, 0.0), life("hub", 20, 0.0)],
        warnings: 9,
        ..Findings::default()
    }
}

fn seen(stream: &str, opened_us: i64) -> Seen {
    Seen { stream: stream.to_owned(), opened_us }
}

fn life(program: &'static str, minutes: u64, mb_per_hour: f64) -> Life {
    let ages = (0..minutes * 12).map(|n| Duration::from_secs(n * 5));
    let sample = |age: Duration| Sample { age, bytes: 100e6 + mb_per_hour * 1e6 * age.as_secs_f64() / 3600.0 };
    let lulls = (0..minutes / 2).map(|n| sample(Duration::from_secs(n * 120)));
    Life { program, begun: Duration::ZERO, samples: ages.map(sample).collect(), lulls: lulls.collect() }
}

#[test]
fn a_good_run_passes() {
    let verdict = Verdict::of(good());
    assert!(verdict.passed && verdict.faults.is_empty(), "{verdict:?}");
    assert_eq!((verdict.numbered, verdict.lost, verdict.events), (3, 0, 4));
    let text = verdict.sentences().join("\n");
    assert!(text.contains("5 misfortunes") && text.contains("(seed 7)") && text.ends_with("Passed."), "{text}");
    assert!(text.contains("that is below 1 MB/h"), "{text}");
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!((&json["memory"][0]["what"], &json["memory"][0]["judgement"]), (&"heap".into(), &"flat".into()));
    assert_eq!((&json["memory"][3]["what"], &json["memory"][3]["slope"]["points"]), (&"resident".into(), &15.into()));
}

#[test]
fn every_broken_promise_is_a_fault() {
    type Spoil = fn(&mut Findings);
    let rows: [(Spoil, &str); 17] = [
        (|f| f.live_after = None, "not all cameras are live"),
        (|f| f.live_after = Some(Duration::from_secs(31)), "only 31.0 s after"),
        (|f| f.newest = 4, "of 4 records the hub's store lacks 1"),
        (|f| f.records.retain(|(number, _)| *number != 1), "of 3 records the hub's store lacks 1"),
        (|f| f.newest = 0, "the edge's outbox numbered nothing"),
        (|f| f.records[1].1 = false, "the hub's store refused 1"),
        (|f| f.out_of_order = 2, "2 were stored out of order"),
        (|f| f.events.clear(), "no event began in the end on site.door, site.gate"),
        (|f| f.events.truncate(3), "no event began in the end on site.gate"),
        (|f| f.lives[1].samples.clear(), "the hub's memory was never seen"),
        (|f| f.lives[0].samples.truncate(24), "no life of the edge was long enough to tell of its resident memory"),
        (|f| f.lives[0].lulls.truncate(3), "no life of the edge was long enough to tell of its heap memory"),
        (|f| f.lives[1].samples = life("hub", 20, 5.0).samples, "the hub's resident memory grows by 5.00 MB/h"),
        (|f| f.lives[0].lulls = life("edge", 20, 2.0).lulls, "the edge's heap memory grows by 2.00 MB/h"),
        (|f| f.errors.push("x".to_owned()), "1 ERROR lines"),
        (|f| f.broken = Some("hub has ended by itself".to_owned()), "the run broke off: hub has ended by itself"),
        (
            |f| f.lives.push(Life { samples: vec![], ..life("hub", 20, 1.5) }),
            "the hub's heap memory grows by 1.50 MB/h",
        ),
    ];
    for (spoil, fault) in rows {
        let mut findings = good();
        spoil(&mut findings);
        let verdict = Verdict::of(findings);
        assert!(!verdict.passed, "{fault}");
        assert_eq!(verdict.faults.len(), 1, "{:?}", verdict.faults);
        assert!(verdict.faults[0].contains(fault), "{:?}, expected {fault}", verdict.faults);
        assert!(verdict.sentences().iter().any(|sentence| sentence.starts_with("FAULT: ")), "{fault}");
    }
}

#[test]
fn a_run_too_short_for_memory_says_so_and_passes() {
    let lives = vec![life("edge", 2, 500.0), life("hub", 2, 0.0)];
    let verdict = Verdict::of(Findings { time: Duration::from_secs(90), lives, ..good() });
    assert!(verdict.passed && verdict.memory.is_empty(), "{verdict:?}");
    let text = verdict.sentences().join("\n");
    assert!(text.contains("No life of the edge") && text.contains("No life of the hub"), "{text}");
}
