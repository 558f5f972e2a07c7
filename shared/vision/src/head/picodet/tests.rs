use super::*;

/// 32 × 16 pixels: two cells of 16, and one of 32 that reaches beyond the lower edge.
fn head(layout: Layout) -> PicoDet {
    let grids = vec![Grid { stride: 16, columns: 2, cells: 2 }, Grid { stride: 32, columns: 1, cells: 1 }];
    PicoDet { classes: 2, grids, layout }
}

fn shapes(head: &PicoDet) -> Vec<Vec<usize>> {
    head.outputs().into_iter().map(|o| o.shape).collect()
}

#[test]
fn sides_are_what_their_bins_expect_counted_from_the_middle_of_the_cell() {
    let names = |letter: &str| vec![format!("{letter}16"), format!("{letter}32")];
    let head = head(Layout::Bins { bins: 2, scores: names("s"), boxes: names("b") });
    assert_eq!(shapes(&head), [[1, 2, 2], [1, 2, 8], [1, 1, 2], [1, 1, 8]]);
    let scores16 = [0.1, 0.2, 0.3, 0.8];
    // Left: e^0 : e^0, so ½ of 16. Top: 1 : 3, so ¾. Right: far more to the second, so all of it. Bottom: 3 : 1, so ¼.
    let three = 3.0_f32.ln();
    let boxes16 = [[0.0; 8], [0.0, 0.0, 0.0, three, -50.0, 50.0, three, 0.0]];
    let scores32 = [0.5, 0.4];
    let boxes32 = [0.0; 8];
    let mut found = vec![];
    head.decode(&[&scores16, boxes16.as_flattened(), &scores32, &boxes32], 0.5, &mut found);
    // The second cell's middle is (24, 8), the third's (16, 16).
    let wanted = [
        Candidate { class: 1, score: 0.8, left: 16.0, top: -4.0, right: 40.0, bottom: 12.0 },
        Candidate { class: 0, score: 0.5, left: 0.0, top: 0.0, right: 32.0, bottom: 32.0 },
    ];
    assert_eq!(found.len(), wanted.len(), "{found:?}");
    for (found, wanted) in found.iter().zip(&wanted) {
        let sides = |c: &Candidate| [c.left, c.top, c.right, c.bottom];
        let near = sides(found).into_iter().zip(sides(wanted)).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(near && (found.class, found.score) == (wanted.class, wanted.score), "{found:?}, expected {wanted:?}");
    }
}

#[test]
fn boxes_that_the_network_decoded_are_taken_as_they_are() {
    let head = head(Layout::Boxes { scores: "scores".to_owned(), boxes: "boxes".to_owned() });
    assert_eq!(shapes(&head), [[1, 2, 3], [1, 3, 4]]);
    let scores = [[0.1, 0.7, 0.2], [0.3, 0.2, 0.6]];
    let boxes = [[0.0; 4], [1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]];
    let mut found = vec![];
    head.decode(&[scores.as_flattened(), boxes.as_flattened()], 0.6, &mut found);
    assert_eq!(
        found,
        [
            Candidate { class: 0, score: 0.7, left: 1.0, top: 2.0, right: 3.0, bottom: 4.0 },
            Candidate { class: 1, score: 0.6, left: 5.0, top: 6.0, right: 7.0, bottom: 8.0 },
        ]
    );
}
