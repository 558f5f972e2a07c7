//! What a device calls itself and its streams, and why it gives none, made fit to be shown: all such text is hostile.

/// Longest name that is shown, characters.
const MAX_TEXT: usize = 200;

/// Whether a character steers a terminal, can't be seen, or turns the direction of writing.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line of at most 200 characters, none of which [`steers`].
pub fn words(text: &str) -> String {
    line(text, MAX_TEXT)
}

/// One line of at most `max` characters, none of which [`steers`].
pub fn line(text: &str, max: usize) -> String {
    let printable: String = text.chars().take(max.saturating_mul(4)).map(|c| if steers(c) { ' ' } else { c }).collect();
    let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(max).collect()
}
