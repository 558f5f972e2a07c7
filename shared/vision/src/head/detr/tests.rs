use super::*;

#[test]
fn the_best_class_of_a_query_is_the_sigmoid_of_its_logit() {
    let layout = Layout::Logits { logits: "labels".to_owned(), boxes: "dets".to_owned() };
    let head = Detr { width: 200.0, height: 100.0, classes: 3, queries: 2, layout };
    assert_eq!(head.outputs().iter().map(|o| o.shape.clone()).collect::<Vec<_>>(), [[1, 2, 3], [1, 2, 4]]);
    assert_eq!(head.sizes(), None);
    // The second query's best is below the logit of 0.6, which is 0.4055.
    let logits = [-1.0, 0.0, 3.0_f32.ln(), 0.4, 0.1, -5.0];
    let boxes = [0.5, 0.5, 0.25, 0.5, 0.1, 0.1, 0.1, 0.1];
    let mut found = vec![];
    head.decode(&[&logits, &boxes], 0.6, &mut found);
    // 1 / (1 + 1/3); 0.5 · 200 ± 0.25 · 200 / 2, 0.5 · 100 ± 0.5 · 100 / 2.
    let [Candidate { class: 2, score, left: 75.0, top: 25.0, right: 125.0, bottom: 75.0 }] = found[..] else {
        panic!("{found:?}");
    };
    assert!((score - 0.75).abs() < 1e-6, "{score}");
}

#[test]
fn deployed_boxes_are_taken_as_they_are_and_numbers_that_no_label_has_are_not() {
    let [labels, boxes, scores, sizes] = ["labels", "boxes", "scores", "orig_target_sizes"].map(str::to_owned);
    let layout = Layout::Labels { labels, boxes, scores, sizes };
    let head = Detr { width: 640.0, height: 640.0, classes: 3, queries: 5, layout };
    assert_eq!(head.outputs().iter().map(|o| o.shape.len()).collect::<Vec<_>>(), [2, 3, 2]);
    assert_eq!(head.sizes(), Some("orig_target_sizes"));
    let labels = [2.0, 3.0, -1.0, f32::NAN, 0.0];
    let boxes: Vec<f32> = (1..=20).map(|n| n as f32).collect();
    let scores = [0.9, 0.9, 0.9, 0.9, 0.3];
    let mut found = vec![];
    head.decode(&[&labels, &boxes, &scores], 0.4, &mut found);
    assert_eq!(found, [Candidate { class: 2, score: 0.9, left: 1.0, top: 2.0, right: 3.0, bottom: 4.0 }]);
}
