//! What was seen is over, and what is told of who moves.

use super::*;

/// Else whoever is told what is seen would hear nothing: not even that nobody is there.
#[test]
fn a_stream_that_comes_back_is_looked_at_for_a_while_though_nobody_is_there() {
    for gap in [0, 20_000_000] {
        let mut world = settled(12);
        world.gate.is_over();
        world.offset += gap;
        world.run(3 * world::FPS);
        assert_eq!((world.gate.report().state, world.gate.report().reason), (State::Learning, Reason::Start));
        assert!(world.tracked.len() > 10, "{} looks in three seconds", world.tracked.len());
        world.run(MINUTE);
        assert_eq!(world.gate.report().state, State::Idle);
    }
}

#[test]
fn while_nobody_answers_it_does_not_look_at_everything_though_what_was_seen_is_over() {
    let mut world = settled(14);
    world.gate.is_over();
    for _ in 0..MINUTE {
        world.gate.unit(world.now(), false, 100);
        world.offset += 100_000;
    }
    assert_eq!(world.gate.report().state, State::Idle);
    world.lose();
    world.until_place(0);
    world.run(world::FPS);
    assert_eq!(world.gate.report().state, State::Learning);
}

/// A home automation would take it for motion each time that a camera was away.
#[test]
fn what_is_parked_does_not_open_it_when_the_stream_comes_back() {
    let mut world = settled(13);
    world.park();
    world.run(3 * MINUTE);
    world.gate.is_over();
    world.offset += 20_000_000;
    for _ in 0..MINUTE {
        world.run(1);
        let report = world.gate.report();
        assert!(report.state != State::Active && !report.moves, "{report:?}");
    }
    assert_eq!(world.gate.report().state, State::Idle);
}

/// What is told of that after each of so many pictures.
fn moves(world: &mut World, pictures: usize) -> Vec<bool> {
    let after = |_| {
        world.run(1);
        world.gate.report().moves
    };
    (0..pictures).map(after).collect()
}

#[test]
fn what_moves_is_told_to_from_then_on_and_until_a_while_after_it() {
    for mode in [Mode::Always, Mode::Gated] {
        let mut world = World::new(15, GateConfig { mode, ..GateConfig::default() });
        world.park();
        assert!(!moves(&mut world, 30).contains(&true), "{mode:?}: nothing has moved");
        world.walk(40);
        let walks = moves(&mut world, 40);
        assert!(walks[20..].iter().all(|moves| *moves), "{mode:?}: {walks:?}");
        let after = moves(&mut world, 60);
        assert!(after[0] && !after[50..].contains(&true), "{mode:?}: {after:?}");
    }
}
