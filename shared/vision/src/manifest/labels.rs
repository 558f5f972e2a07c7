//! The class lists that manifests call by name.

/// The 80 classes of COCO, in the order of models that number them without gaps.
pub(super) const COCO_80: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

/// Category numbers of COCO that no class has: 0 is the background, the others were given up before release.
const UNUSED: [usize; 11] = [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// The same classes by COCO's own category numbers, 0 to 90. What stands for no class is empty.
pub(super) fn coco_91() -> Vec<&'static str> {
    let mut names = COCO_80.iter().copied();
    (0..=90).map(|n| if UNUSED.contains(&n) { "" } else { names.next().unwrap_or_default() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn category_numbers_are_those_of_coco() {
        let names = coco_91();
        assert_eq!(names.len(), 91);
        // From instances_val2017.json.
        for (number, name) in [
            (1, "person"),
            (11, "fire hydrant"),
            (13, "stop sign"),
            (27, "backpack"),
            (31, "handbag"),
            (44, "bottle"),
            (46, "wine glass"),
            (67, "dining table"),
            (70, "toilet"),
            (72, "tv"),
            (84, "book"),
            (90, "toothbrush"),
        ] {
            assert_eq!(names[number], name, "category {number}");
        }
        assert_eq!(names.iter().filter(|n| !n.is_empty()).count(), 80);
    }
}
