use serde::Deserialize;

use super::super::config::{Bound, Direction, Trigger};
use super::super::written::{LineSection, MaskSection, RuleSection, ZoneSection};
use super::*;

#[derive(Deserialize)]
struct Camera {
    #[serde(default)]
    zone: Vec<ZoneSection>,
    #[serde(default)]
    line: Vec<LineSection>,
    #[serde(default)]
    mask: Vec<MaskSection>,
    #[serde(default)]
    rule: Vec<RuleSection>,
}

/// Reads the rules of a camera at a place in Berlin.
pub(in crate::event::rule) fn read(text: &str) -> Result<RulesConfig, Vec<RuleFault>> {
    read_at(text, Some("Europe/Berlin"), None)
}

fn read_at(text: &str, zone: Option<&str>, labels: Option<&[String]>) -> Result<RulesConfig, Vec<RuleFault>> {
    let Camera { zone: zones, line, mask, rule } = toml::from_str(text).unwrap();
    let local: Option<LocalTime> = zone.map(|zone| zone.parse().unwrap());
    check(&RulesWritten { zone: zones, line, mask, rule }, Site { local: local.as_ref(), labels })
}

const GOOD: &str = r#"
    [[zone]]
    name = "drive"
    points = [[0.1, 1], [0.4, 0.5], [0.9, 0.5], [0.9, 1]]
    [[line]]
    name = "gate"
    points = [[0.2, 0.8], [0.8, 0.8]]
    to_right = "in"
    to_left = "out"
    anchor = "centre"
    [[mask]]
    points = [[0, 0], [1, 0], [1, 0.2]]
    labels = ["bird"]
    [[rule]]
    name = "visitor"
    zone = "drive"
    labels = ["person"]
    min_score = 0.6
    min_path = 0.2
    schedule = ["mon-fri 22:00-06:00", "sat sun"]
    [[rule]]
    name = "loiterer"
    zone = "drive"
    dwell = 60
    [[rule]]
    name = "leaving"
    line = "gate"
    direction = "out"
    [[rule]]
    name = "queue"
    zone = "drive"
    count_over = 4
    count_for = 20
    [[rule]]
    name = "nobody"
    count_under = 1
    [[rule]]
    name = "anything"
    "#;

#[test]
fn what_a_rule_asks_for_follows_from_its_keys() {
    let config = read(GOOD).unwrap();
    let triggers: Vec<Trigger> = config.rules.iter().map(|rule| rule.trigger).collect();
    assert_eq!(
        triggers,
        [
            Trigger::Inside { zone: 0 },
            Trigger::Stays { zone: Some(0), dwell: std::time::Duration::from_secs(60) },
            Trigger::Crosses { line: 0, direction: Some(Direction::ToLeft) },
            Trigger::Count { zone: Some(0), bound: Bound::Over(4), held: std::time::Duration::from_secs(20) },
            Trigger::Count { zone: None, bound: Bound::Under(1), held: std::time::Duration::from_secs(2) },
            Trigger::Seen,
        ]
    );
    let visitor = &config.rules[0];
    assert_eq!((visitor.limits.min_score, visitor.limits.min_path, visitor.limits.min_frames), (0.6, 0.2, 0));
    assert!(visitor.schedule.is_some() && config.rules[1].schedule.is_none());
    assert_eq!((&*config.lines[0].to_right, &*config.lines[0].to_left), ("in", "out"));
}

#[test]
fn without_rules_everything_makes_events_masks_or_not() {
    assert_eq!(read("").unwrap(), RulesConfig::default());
    let masked = read("[[mask]]\npoints = [[0, 0], [1, 0], [1, 1]]").unwrap();
    assert_eq!(masked.rules, RulesConfig::default().rules);
}

#[test]
fn every_fault_is_said_at_once_with_its_key_and_how_to_mend_it() {
    let faults = read_at(
        r#"
        [[zone]]
        name = "drive"
        points = [[0, 0], [1, 1], [1, 0], [0, 1]]
        [[zone]]
        name = "drive"
        points = [[0, 0], [1, 1.5], [1]]
        [[zone]]
        name = ""
        points = [[0, 0], [0.5, 0.5], [1, 1]]
        [[line]]
        name = "gate"
        points = [[0.5, 0.5], [0.5, 0.501]]
        to_left = "right"
        [[mask]]
        points = [[0, 0], [1, 1]]
        [[rule]]
        name = "a"
        zone = "drvie"
        dwell = 0
        min_score = 2
        labels = ["persn"]
        [[rule]]
        name = "a"
        line = "gate"
        zone = "drive"
        direction = "up"
        dwell = 5
        [[rule]]
        name = "b"
        direction = "in"
        count_for = 5
        min_size = 0.5
        max_size = 0.2
        [[rule]]
        name = "c"
        count_over = 5
        count_under = 2
        schedule = ["mno 22:00-06:00"]
        [[rule]]
        name = "d"
        count_under = 0
        "#,
        None,
        Some(&["person".to_owned(), "car".to_owned()]),
    )
    .unwrap_err();
    let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.message)).collect();
    let expected = [
        ("zone[0].points: ", "order around"),
        ("zone[1].name: ", "`drive` is there twice"),
        ("zone[1].points[1]: ", "0.0 to 1.0"),
        ("zone[1].points[2]: ", "[x, y]"),
        ("zone[2].name: ", "1 to 64"),
        ("zone[2].points: ", "hardly any area"),
        ("line[0].points: ", "apart"),
        ("line[0].to_left: ", "another name"),
        ("mask[0].points: ", "3 to 64"),
        ("rule[0].zone: ", "`drvie` is no zone, did you mean `drive`?"),
        ("rule[0].dwell: ", "more than 0"),
        ("rule[0].min_score: ", "0.0 to 1.0"),
        ("rule[0].labels[0]: ", "did you mean `person`?"),
        ("rule[1].name: ", "`a` is there twice"),
        ("rule[1]: ", "line and dwell at once"),
        ("rule[1].zone: ", "one of the two"),
        ("rule[1].direction: ", "`up` is no direction of it: expected one of `right`, `right`"),
        ("rule[2].direction: ", "`line`"),
        ("rule[2].count_for: ", "count_over"),
        ("rule[2].max_size: ", "min_size"),
        ("rule[3].count_under: ", "a rule for each"),
        ("rule[3].schedule[0]: ", "`mno`"),
        ("rule[3].schedule: ", "edge.time_zone"),
        ("rule[4].count_under: ", "at least 1"),
    ];
    for (start, part) in expected {
        assert!(lines.iter().any(|line| line.starts_with(start) && line.contains(part)), "{start}{part} in {lines:#?}");
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
}

#[test]
fn a_zone_that_is_not_there_is_asked_for() {
    let faults = read("[[rule]]\nname = \"a\"\nzone = \"drive\"").unwrap_err();
    assert_eq!((faults[0].key.as_str(), faults.len()), ("rule[0].zone", 1));
    assert!(faults[0].message.contains("expected one of that name"), "{faults:?}");
    let many: String = (0..65).map(|n| format!("[[rule]]\nname = \"{n}\"\n")).collect();
    assert!(read(&many).unwrap_err().iter().any(|fault| fault.key == "rule" && fault.message.contains("at most 64")));
}
