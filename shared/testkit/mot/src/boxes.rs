//! Boxes and tracks as the MOT Challenge writes them: `frame,id,left,top,width,height,score`, in pixels, frames counted
//! from 1, the id -1 where nobody has one. What stands behind the score is of no matter here.

use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail};
use omma_protocol::geometry::Rect;

/// A picture's size in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Size {
    pub(crate) width: f32,
    pub(crate) height: f32,
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let shape = || anyhow!("`{text}` is no size: expected WIDTHxHEIGHT in pixels, from 1 to 16384");
        let (width, height) = text.split_once('x').ok_or_else(shape)?;
        let side = |text: &str| text.parse::<u16>().ok().filter(|side| (1..=16384).contains(side)).ok_or_else(shape);
        Ok(Self { width: side(width)?.into(), height: side(height)?.into() })
    }
}

/// One box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    pub(crate) frame: u32,
    pub(crate) id: Option<u64>,
    /// Left, top, width and height, in pixels.
    pub(crate) pixels: [f32; 4],
    pub(crate) score: f32,
}

impl Line {
    pub(crate) fn new(frame: u32, id: Option<u64>, rect: Rect, score: f32, size: Size) -> Self {
        let Size { width, height } = size;
        Self { frame, id, pixels: [rect.x * width, rect.y * height, rect.w * width, rect.h * height], score }
    }

    /// In units of the picture.
    pub(crate) fn rect(&self, size: Size) -> Rect {
        let [x, y, w, h] = self.pixels;
        Rect { x: x / size.width, y: y / size.height, w: w / size.width, h: h / size.height }
    }
}

pub(crate) fn read(text: &str) -> anyhow::Result<Vec<Line>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(n, line)| parse(line).with_context(|| format!("line {}: `{line}`", n + 1))).collect()
}

fn parse(line: &str) -> anyhow::Result<Line> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let [frame, id, x, y, w, h, score, ..] = fields[..] else {
        bail!("expected frame,id,left,top,width,height,score");
    };
    let number =
        |text: &str| text.parse::<f32>().ok().filter(|n| n.is_finite()).ok_or(anyhow!("`{text}` is no number"));
    let frame: u32 = frame.parse().ok().filter(|frame| *frame > 0).ok_or(anyhow!("frames count from 1"))?;
    let pixels = [number(x)?, number(y)?, number(w)?, number(h)?];
    Ok(Line { frame, id: id.parse().ok(), pixels, score: number(score)? })
}

pub(crate) fn write(lines: &[Line]) -> String {
    let line = |line: &Line| {
        let ([x, y, w, h], id) = (line.pixels, line.id.map_or("-1".to_owned(), |id| id.to_string()));
        format!("{},{id},{x:.2},{y:.2},{w:.2},{h:.2},{:.4}\n", line.frame, line.score)
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let size: Size = "640x480".parse().unwrap();
        let rect = Rect { x: 0.25, y: 0.5, w: 0.125, h: 0.25 };
        let lines = [Line::new(1, None, rect, 0.5, size), Line::new(2, Some(7), rect, 0.25, size)];
        let text = write(&lines);
        assert_eq!(text, "1,-1,160.00,240.00,80.00,120.00,0.5000\n2,7,160.00,240.00,80.00,120.00,0.2500\n");
        assert_eq!(read(&text).unwrap(), lines);
        assert_eq!(lines[1].rect(size), rect);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        for (bad, word) in [("0,1,2,3,4,5,1", "from 1"), ("1,1,x,3,4,5,1", "`x`"), ("1,1,2,3", "expected frame")] {
            let error = format!("{:#}", read(&format!("1,-1,1,1,1,1,1\n{bad}")).unwrap_err());
            assert!(error.starts_with("line 2") && error.contains(word), "{error}");
        }
        for bad in ["640", "0x480", "640x", "640x99999"] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
    }
}
