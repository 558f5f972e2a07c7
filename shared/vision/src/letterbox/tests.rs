use omma_media::frame::Colour;
use proptest::prelude::*;

use super::*;

fn input(width: usize, height: usize, resize: Resize) -> Input {
    let (mean, std) = ([10.0, 20.0, 30.0], [2.0, 4.0, 8.0]);
    Input { name: "images".to_owned(), width, height, color: Color::Rgb, mean, std, resize }
}

/// A picture whose rows are `gap` bytes longer than they need to be.
struct Picture {
    width: u32,
    height: u32,
    gap: usize,
    planes: [Vec<u8>; 3],
}

impl Picture {
    fn new(width: u32, height: u32, gap: usize, sample: impl Fn(usize, u32, u32) -> u8) -> Self {
        let plane = |index: usize| {
            let (w, h) = if index == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) };
            // Rubbish in the gaps must not be seen.
            let row = |y| (0..w + gap as u32).map(move |x| (x, y));
            (0..h).flat_map(row).map(|(x, y)| if x < w { sample(index, x, y) } else { 255 }).collect()
        };
        Self { width, height, gap, planes: [plane(0), plane(1), plane(2)] }
    }

    fn planes(&self) -> Planes<'_> {
        let [y, u, v] = &self.planes;
        let (y_stride, uv_stride) = (self.width as usize + self.gap, self.width.div_ceil(2) as usize + self.gap);
        let colour = Colour { range: Range::Limited, matrix: Matrix::Bt601 };
        Planes { width: self.width, height: self.height, y, u, v, y_stride, uv_stride, colour }
    }
}

fn fill(input: &Input, planes: Planes<'_>) -> (Placement, Vec<f32>) {
    let mut out = vec![f32::NAN; 3 * input.width * input.height];
    (Letterbox::new(input).fill(planes, &mut out).unwrap(), out)
}

#[test]
fn red_lands_in_its_plane_normalised_and_surrounded() {
    // BT.601 limited: Y 81, Cb 90, Cr 240 is red (ITU-R BT.601-7, table 3, rounded to 8 bits).
    let red = Picture::new(64, 32, 8, |plane, _, _| [81, 90, 240][plane]);
    let boxed = Resize::Letterbox { anchor: Anchor::Centre, pad: 114 };
    let (placement, out) = fill(&input(32, 32, boxed), red.planes());
    assert_eq!(placement, Placement { left: 0, top: 8, width: 32, height: 16 });
    for (channel, (mean, std, level)) in
        [(10.0, 2.0, 255.0), (20.0, 4.0, 0.0), (30.0, 8.0, 0.0)].into_iter().enumerate()
    {
        for y in 0..32 {
            let level = if (8..24).contains(&y) { level } else { 114.0 };
            let value = out[(channel * 32 + y) * 32 + 5] * std + mean;
            assert!((value - level).abs() < 2.0, "channel {channel}, row {y}: {value}, expected {level}");
        }
    }
    let bgr = Input { color: Color::Bgr, mean: [0.0; 3], std: [1.0; 3], ..input(32, 32, boxed) };
    let (_, out) = fill(&bgr, red.planes());
    assert!(out[16 * 32] < 2.0 && out[(2 * 32 + 16) * 32] > 253.0, "red is the last plane of BGR");
}

#[test]
fn full_range_and_bt709_are_heeded() {
    let grey = Picture::new(32, 32, 0, |plane, _, _| [235, 128, 128][plane]);
    let plain = Input { mean: [0.0; 3], std: [1.0; 3], ..input(32, 32, Resize::Stretch) };
    let level = |colour| fill(&plain, Planes { colour, ..grey.planes() }).1[0];
    assert!(level(Colour { range: Range::Limited, matrix: Matrix::Bt709 }) > 253.0);
    assert!((level(Colour { range: Range::Full, matrix: Matrix::Bt601 }) - 235.0).abs() < 2.0);
}

#[test]
fn a_thin_line_leaves_its_share_however_much_is_shrunk() {
    // One bright column of 1080p lies between the pixels that sampling would look at.
    let line =
        Picture::new(1920, 1080, 0, |plane, x, _| if plane > 0 { 128 } else { if x == 1002 { 235 } else { 16 } });
    let plain = Input { mean: [0.0; 3], std: [1.0; 3], ..input(416, 256, Resize::Stretch) };
    let (_, out) = fill(&plain, line.planes());
    let light: f32 = out[100 * 416..101 * 416].iter().sum();
    // 255 spread over 1920 / 416 columns of the source is 55 in one column of the input.
    assert!((light - 55.0).abs() < 8.0, "{light}");
}

#[test]
fn gaps_and_a_short_last_row_change_nothing() {
    let sample = |plane: usize, x: u32, y: u32| (40 + plane as u32 * 30 + (x * 7 + y * 3) % 100) as u8;
    let boxed = Resize::Letterbox { anchor: Anchor::TopLeft, pad: 0 };
    let packed = Picture::new(101, 57, 0, sample);
    let mut gaps = Picture::new(101, 57, 27, sample);
    let input = input(64, 48, boxed);
    let expected = fill(&input, packed.planes());
    assert!(expected == fill(&input, gaps.planes()), "rubbish between rows was seen");
    for plane in &mut gaps.planes {
        plane.truncate(plane.len() - 27);
    }
    assert!(expected == fill(&input, gaps.planes()), "the last row was read wrongly");
}

#[test]
fn a_letterbox_that_was_used_for_another_size_gives_the_same() {
    let input = input(64, 48, Resize::Letterbox { anchor: Anchor::Centre, pad: 7 });
    let (wide, tall) =
        (Picture::new(160, 40, 0, |p, x, _| (x + p as u32) as u8), Picture::new(40, 160, 0, |_, _, y| y as u8));
    let mut letterbox = Letterbox::new(&input);
    let mut out = vec![f32::NAN; 3 * 64 * 48];
    for picture in [&wide, &tall, &wide] {
        let placement = letterbox.fill(picture.planes(), &mut out).unwrap();
        assert!((placement, out.clone()) == fill(&input, picture.planes()), "{placement:?}: something was left over");
    }
}

#[test]
fn planes_that_do_not_hold_the_picture_are_refused() {
    let picture = Picture::new(64, 32, 0, |_, _, _| 0);
    let mut letterbox = Letterbox::new(&input(32, 32, Resize::Stretch));
    let mut fill = |planes| letterbox.fill(planes, &mut [0.0; 3 * 32 * 32]);
    assert_eq!(fill(Planes { height: 33, ..picture.planes() }), Err(LetterboxError::Unsound { width: 64, height: 33 }));
    assert_eq!(fill(Planes { width: 0, ..picture.planes() }), Err(LetterboxError::Unsound { width: 0, height: 32 }));
}

proptest! {
    #[test]
    fn every_size_fits_in_and_boxes_find_back(
        (width, height) in (1..700u32, 1..700u32),
        gap in 0..3usize,
        (wide, high) in (16..200usize, 16..200usize),
        resize in prop_oneof![
            Just(Resize::Stretch),
            Just(Resize::Letterbox { anchor: Anchor::Centre, pad: 9 }),
            Just(Resize::Letterbox { anchor: Anchor::TopLeft, pad: 9 }),
        ],
    ) {
        let input = input(wide, high, resize);
        let picture = Picture::new(width, height, gap, |_, x, y| (x ^ y) as u8);
        let (placement, out) = fill(&input, picture.planes());
        prop_assert!(out.iter().all(|v| v.is_finite()), "every value is set");
        prop_assert!(placement.left + placement.width <= wide && placement.top + placement.height <= high);
        let (left, top) = (placement.left as f32, placement.top as f32);
        let (right, bottom) = (left + placement.width as f32, top + placement.height as f32);
        let whole = placement.to_picture(&Candidate { class: 0, score: 1.0, left, top, right, bottom });
        prop_assert!(whole.iou(Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 }) > 0.999, "{whole:?}");
    }
}
