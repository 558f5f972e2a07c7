//! Which track belongs to which detection: the assignment with the largest sum of gains.

/// Pairs rows with columns, each at most once, so that the sum of gains is largest; pairs of gain zero are not made.
/// `gain(row, column)` must be finite and not negative. Returns `(row, column)`, rows ascending.
///
/// The Hungarian method with shortest augmenting paths (Kuhn, Munkres; in the form of Jonker and Volgenant),
/// `O(rows² · columns)` with the smaller side as rows.
pub(super) fn assign(rows: usize, columns: usize, gain: impl Fn(usize, usize) -> f32) -> Vec<(usize, usize)> {
    let mut pairs = if rows <= columns {
        solve(rows, columns, &gain)
    } else {
        solve(columns, rows, &|r, c| gain(c, r)).into_iter().map(|(r, c)| (c, r)).collect()
    };
    pairs.retain(|&(row, column)| gain(row, column) > 0.0);
    pairs.sort_unstable();
    pairs
}

fn solve(rows: usize, columns: usize, gain: &impl Fn(usize, usize) -> f32) -> Vec<(usize, usize)> {
    // Row and column 0 stand for "none": real ones count from 1. Cost is the gain turned round.
    let mut row_price = vec![0.0f32; rows + 1];
    let mut column_price = vec![0.0f32; columns + 1];
    let mut row_of = vec![0usize; columns + 1];
    let mut came_from = vec![0usize; columns + 1];
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut distance = vec![f32::INFINITY; columns + 1];
        let mut reached = vec![false; columns + 1];
        loop {
            reached[column] = true;
            let (from, mut step, mut nearest) = (row_of[column], f32::INFINITY, 0);
            for next in 1..=columns {
                if reached[next] {
                    continue;
                }
                let reduced = -gain(from - 1, next - 1) - row_price[from] - column_price[next];
                if reduced < distance[next] {
                    (distance[next], came_from[next]) = (reduced, column);
                }
                if distance[next] < step {
                    (step, nearest) = (distance[next], next);
                }
            }
            for visited in 0..=columns {
                if reached[visited] {
                    row_price[row_of[visited]] += step;
                    column_price[visited] -= step;
                } else {
                    distance[visited] -= step;
                }
            }
            column = nearest;
            if row_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            let before = came_from[column];
            row_of[column] = row_of[before];
            column = before;
        }
    }
    (1..=columns).filter(|&column| row_of[column] != 0).map(|column| (row_of[column] - 1, column - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The best sum by trying everything.
    fn best(gains: &[Vec<f32>], row: usize, used: u32) -> f32 {
        let Some(line) = gains.get(row) else { return 0.0 };
        let free = line.iter().enumerate().filter(|&(c, _)| used >> c & 1 == 0);
        free.map(|(c, g)| g + best(gains, row + 1, used | 1 << c)).fold(best(gains, row + 1, used), f32::max)
    }

    #[test]
    fn the_greedy_choice_is_not_taken_where_it_costs_more() {
        let gains = [[0.9, 0.8], [0.8, 0.1]];
        assert_eq!(assign(2, 2, |r, c| gains[r][c]), [(0, 1), (1, 0)]);
    }

    #[test]
    fn nothing_is_paired_with_nothing() {
        assert!(assign(0, 3, |_, _| 1.0).is_empty());
        assert!(assign(3, 0, |_, _| 1.0).is_empty());
        assert!(assign(2, 2, |_, _| 0.0).is_empty());
    }

    proptest! {
        #[test]
        fn no_other_assignment_gains_more(
            gains in (0usize..6, 0usize..6).prop_flat_map(|(rows, columns)| {
                let gain = prop_oneof![Just(0.0f32), 0.2f32..1.0];
                prop::collection::vec(prop::collection::vec(gain, columns..=columns), rows..=rows)
            }),
        ) {
            let columns = gains.first().map_or(0, Vec::len);
            let pairs = assign(gains.len(), columns, |r, c| gains[r][c]);
            let sum: f32 = pairs.iter().map(|&(r, c)| gains[r][c]).sum();
            prop_assert!((sum - best(&gains, 0, 0)).abs() < 1e-4, "{pairs:?}");
            for (i, a) in pairs.iter().enumerate() {
                prop_assert!(pairs[..i].iter().all(|b| b.0 != a.0 && b.1 != a.1));
            }
        }
    }
}
