use super::*;

const GROUP: usize = 20;
const PASSED: Duration = Duration::from_millis(100);

/// Small noise that repeats after 97 pictures.
fn noise(n: usize) -> f32 {
    (n * 61 % 97) as f32 / 97.0 - 0.5
}

/// What an encoder with a slope over its group makes of a still scene, in bytes.
fn still(n: usize) -> usize {
    (9.0 + 2.0 * (n % GROUP) as f32 / GROUP as f32 + 0.3 * noise(n)).exp2() as usize
}

fn settled() -> (Sizes, usize) {
    let mut sizes = Sizes::new();
    for n in 0..100 * GROUP {
        let moves = sizes.see(n % GROUP == 0, still(n), PASSED, 1.0);
        assert_eq!(moves, None, "picture {n}");
        sizes.learn();
    }
    (sizes, 100 * GROUP)
}

#[test]
fn a_rise_counts_at_its_place_in_the_group() {
    let (mut sizes, begin) = settled();
    for n in begin..begin + 10 * GROUP {
        // One picture of each group, another one each time, is twice what is usual at its place.
        let (place, large) = (n % GROUP, 1 + n / GROUP % 10 * 2);
        let bytes = still(n) * if place == large { 2 } else { 1 };
        let moves = sizes.see(place == 0, bytes, PASSED, 1.0);
        assert_eq!(moves, (place == large).then_some(Moves::Single), "place {place}");
        sizes.calm();
    }
    // Though twice the size of one place is less than the usual size of another.
    assert!(still(begin + 19) > still(begin + 1) * 3 && sizes.smallest_change().is_some_and(|bytes| bytes < 600.0));
}

#[test]
fn many_pictures_a_little_larger_tell_too() {
    let (mut sizes, begin) = settled();
    let told = (begin..begin + 20).find_map(|n| {
        let bytes = still(n) as f32 * 1.12;
        sizes.see(n % GROUP == 0, bytes as usize, PASSED, 1.0)
    });
    assert_eq!(told, Some(Moves::Slowly));
}

#[test]
fn a_group_was_still_where_all_of_it_was_summed_up_and_nothing_is_on_its_way() {
    let (mut sizes, begin) = settled();
    let mut group = |answered_at: usize, larger_from: usize| {
        for place in 0..GROUP {
            let bytes = still(begin + place) as f32 * if place >= larger_from { 1.2 } else { 1.0 };
            sizes.see(place == 0, bytes as usize, PASSED, 1.0);
            if place == answered_at {
                sizes.in_vain(1);
            }
        }
        sizes.see(true, still(begin), PASSED, 1.0);
        let was_still = sizes.was_still(1.0);
        assert!(!sizes.was_still(6.0), "a sum must be so much that half a group has no time for it");
        // As a glance in vain leaves it.
        sizes.calm();
        sizes.see(true, still(begin), PASSED, 1.0);
        was_still
    };
    assert!(group(GROUP, GROUP));
    assert!(!group(5, GROUP), "they told within it, and it was in vain");
    assert!(!group(GROUP, GROUP - 3), "somebody may just have come");
    assert!(group(GROUP, GROUP));
}

#[test]
fn rain_that_begins_and_ends_tells_a_few_times_only() {
    let (mut sizes, begin) = settled();
    let mut told = [0, 0];
    for n in begin..begin + 200 * GROUP {
        let wet = (n - begin) / (100 * GROUP) == 0;
        let bytes = still(n) * if wet { 3 } else { 1 };
        if sizes.see(n % GROUP == 0, bytes, PASSED, 1.0).is_some() {
            told[usize::from(!wet)] += 1;
            sizes.learn();
            sizes.in_vain(6);
        } else {
            sizes.learn();
        }
    }
    assert!((1..10).contains(&told[0]) && told[1] < 6, "{told:?}");
    // And who walks past after it is seen.
    let n = begin + 200 * GROUP;
    sizes.see(true, 9_000, PASSED, 1.0);
    assert_eq!(sizes.see(false, still(n + 1) * 2, PASSED, 1.0), Some(Moves::Single));
}

#[test]
fn without_a_key_picture_no_place_is_known() {
    let (mut sizes, begin) = settled();
    sizes.interrupted();
    assert_eq!(sizes.see(false, 100_000, PASSED, 1.0), None);
    sizes.see(true, 9_000, PASSED, 1.0);
    assert_eq!(sizes.see(false, still(begin + 1) * 2, PASSED, 1.0), Some(Moves::Single));
}

#[test]
fn doubt_asks_for_more() {
    let (mut sizes, begin) = settled();
    sizes.see(true, 9_000, PASSED, 1.0);
    let rise = |sizes: &mut Sizes, doubt| {
        (10..40).find(|tenths| {
            sizes.see(true, 9_000, PASSED, doubt);
            sizes.see(false, still(begin + 1) * tenths / 10, PASSED, doubt) == Some(Moves::Single)
        })
    };
    assert!(rise(&mut sizes, 1.0) < rise(&mut sizes, 2.0));
}

#[test]
fn what_was_in_vain_is_a_weaker_sign_until_something_is_found() {
    // One picture of every second group, another one each time, is twice as large.
    let told = |sizes: &mut Sizes, from: usize, groups: usize, wary: bool| {
        let mut told = 0;
        for n in from..from + groups * GROUP {
            let (group, place) = (n / GROUP, n % GROUP);
            let bytes = if group % 2 == 0 && place == 1 + group % 9 * 2 { still(n) * 2 } else { still(n) };
            let doubt = if wary { sizes.wariness() } else { 1.0 };
            if sizes.see(place == 0, bytes, PASSED, doubt).is_some() {
                told += 1;
                sizes.in_vain(6);
            }
            sizes.learn();
        }
        told
    };
    let ((mut credulous, from), (mut wary, _)) = (settled(), settled());
    let (all, some) = (told(&mut credulous, from, 30, false), told(&mut wary, from, 30, true));
    assert!(all > 10 && (1..all / 2).contains(&some), "{some} of {all}");
    let before = wary.wariness();
    wary.in_vain(6);
    assert_eq!(wary.wariness(), before, "a glance that no size began");
    wary.trust();
    assert_eq!(wary.wariness(), 1.0);
    assert!(told(&mut wary, from + 30 * GROUP, 4, true) > 0);
}
