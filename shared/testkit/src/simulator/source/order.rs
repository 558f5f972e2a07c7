//! When pictures are shown that are sent in another order.
//!
//! ```text
//! sent   I P B B P B B        a B-picture is shown before the picture that was sent before it and is none,
//! shown  0 3 1 2 6 4 5        which is shown after all that follow it
//! ```
//!
//! So it is where no other picture refers to a B-picture. Times of sent pictures go forth and back, as with a camera.

/// By how many pictures each is shown later than it is sent, of pictures of which these are B-pictures.
pub(super) fn later(are_b: &[bool]) -> Vec<i64> {
    let followers = |place: usize| are_b[place + 1..].iter().take_while(|is_b| **is_b).count();
    are_b.iter().enumerate().map(|(place, is_b)| if *is_b { -1 } else { followers(place) as i64 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b_pictures_are_shown_before_what_was_sent_before_them() {
        for (sent, shown) in [
            ("IPP", &[0, 1, 2][..]),
            ("IPBBPBB", &[0, 3, 1, 2, 6, 4, 5]),
            ("IPBPPB", &[0, 2, 1, 3, 5, 4]),
            ("IBB", &[2, 0, 1]),
            ("", &[]),
        ] {
            let are_b: Vec<_> = sent.chars().map(|kind| kind == 'B').collect();
            let got: Vec<_> = later(&are_b).iter().enumerate().map(|(place, later)| place as i64 + later).collect();
            assert_eq!(got, shown, "{sent}");
        }
    }
}
