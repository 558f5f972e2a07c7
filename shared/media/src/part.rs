//! A part of a picture.

/// A part of a 4:2:0 picture in luma samples. It begins at even ones, so that its chroma begins where its luma does; its
/// sizes may be odd, as a picture's may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Part {
    /// Whether it can be cut out of a picture of this size.
    pub fn is_within(self, width: u32, height: u32) -> bool {
        let fits = |from: u32, length: u32, size: u32| {
            from.is_multiple_of(2) && length > 0 && from.checked_add(length).is_some_and(|to| to <= size)
        };
        fits(self.left, self.width, width) && fits(self.top, self.height, height)
    }

    /// The same part of the chroma planes, in their samples.
    pub(crate) fn chroma(self) -> Self {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        Self { left: self.left / 2, top: self.top / 2, width, height }
    }
}
