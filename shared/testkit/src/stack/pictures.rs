//! What is kept of an event to look at: the whole frame, and the crop.

use omma_media::jpeg::decode::Decoder;
use omma_media::planar::Planar;
use serde_json::Value;

use super::api::{Answer, Api};
use crate::wait;

/// Two JPEGs of the same samples differ by less than this, on average.
const ALIKE: f64 = 6.0;
/// Every so many rows and columns are compared: enough of people to tell each place from every other.
const COARSE: usize = 6;

/// Waits for an event that `query` finds and that has a picture, looks at both views of that, and gives the event: the views
/// must be of one revision, and the crop must show the event's box and what is around it. Of frames small enough that neither
/// view is shrunk.
///
/// # Panics
/// When there is none.
pub fn look_at_one(api: &Api, query: &str) -> Value {
    wait::until(&format!("an event with its picture and crop: {query}"), wait::LONG, || {
        let events = api.events(query)?;
        let pictured = |event: &&Value| event["picture_revision"].is_u64();
        let found = events.iter().find(pictured).ok_or(format!("{} events, none with a picture", events.len()))?;
        let path = format!("/api/v1/events/{}", found["id"].as_str().ok_or("an event without an id")?);
        let (whole, crop) = (api.get(&format!("{path}/picture"))?, api.get(&format!("{path}/crop"))?);
        // A better picture comes a little after the state of the event that tells of it: then the next try finds it.
        let event = api.json(&path)?;
        are_of_one_frame(&event, &whole, &crop)?;
        shows_the_box(&event, &decoded(&whole)?, &decoded(&crop)?)?;
        Ok::<_, String>(event)
    })
}

fn are_of_one_frame(event: &Value, whole: &Answer, crop: &Answer) -> Result<(), String> {
    let tag = format!("\"{}\"", event["picture_revision"]);
    for view in [whole, crop] {
        let is_jpeg = view.body.starts_with(&[0xff, 0xd8, 0xff]) && view.body.ends_with(&[0xff, 0xd9]);
        if (view.status, view.content_type.as_str(), is_jpeg) != (200, "image/jpeg", true) {
            return Err(format!("{} {}: {}", view.status, view.content_type, event));
        }
        if view.etag.as_ref() != Some(&tag) {
            return Err(format!("a view of revision {:?}: {event}", view.etag));
        }
    }
    let (whole, crop) = (whole.body.len(), crop.body.len());
    if crop < whole && event["has_crop"] == true { Ok(()) } else { Err(format!("{whole} and {crop} bytes: {event}")) }
}

fn decoded(jpeg: &Answer) -> Result<Planar, String> {
    let mut picture = Planar::default();
    Decoder::default().decode(&jpeg.body, &mut picture).map_err(|e| e.to_string())?;
    Ok(picture)
}

/// Finds the crop in the picture, wherever it is, and holds its place against the event's box.
fn shows_the_box(event: &Value, whole: &Planar, crop: &Planar) -> Result<(), String> {
    let size = [whole.planes().width, whole.planes().height].map(|side| side as usize);
    let part = [crop.planes().width, crop.planes().height].map(|side| side as usize);
    if part[0] > size[0] || part[1] > size[1] {
        return Err(format!("a crop of {part:?} of a picture of {size:?}"));
    }
    let columns = |top| (0..=size[0] - part[0]).step_by(2).map(move |left| [left, top]);
    let places = (0..=size[1] - part[1]).step_by(2).flat_map(columns);
    let differences = places.map(|place| (difference(whole, crop, place), place));
    let best = differences.min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, place)) = best.filter(|(least, _)| *least < ALIKE) else {
        return Err(format!("a crop of {part:?} is no part of the picture, at best {best:?}: {event}"));
    };
    let length = |axis: usize| {
        let of = size[axis] as f64;
        let number = |at: usize| event["box"][at].as_f64().unwrap_or(f64::NAN);
        let (begin, end) = (number(axis).max(0.0) * of, (number(axis) + number(axis + 2)).min(1.0) * of);
        let (from, to) = (place[axis] as f64, (place[axis] + part[axis]) as f64);
        let off = (begin + end - from - to) / 2.0;
        // In the middle, unless the picture ends there.
        let is_there = off.abs() <= 3.0 || (off < 0.0 && from == 0.0) || (off > 0.0 && to >= of);
        let is_whole = from - 2.0 <= begin && end <= to + 2.0;
        if is_there && is_whole { Ok(end - begin) } else { Err(format!("{part:?} at {place:?} are not of {event}")) }
    };
    let longer = length(0)?.max(length(1)?);
    let wanted = (longer * 1.5).max(160.0);
    if part[0] == part[1] && (part[0] as f64 - wanted).abs() <= 3.0 {
        Ok(())
    } else {
        Err(format!("a crop of {part:?} for a thing of {longer:.0}: {event}"))
    }
}

/// Of the crop's light and that of the picture at this place.
fn difference(whole: &Planar, crop: &Planar, [left, top]: [usize; 2]) -> f64 {
    let (whole, crop) = (whole.planes(), crop.planes());
    let width = crop.width as usize;
    let (mut sum, mut count) = (0, 0);
    for row in (0..crop.height as usize).step_by(COARSE) {
        let there = &whole.y[(top + row) * whole.y_stride + left..][..width];
        let here = &crop.y[row * crop.y_stride..][..width];
        for (a, b) in there.iter().zip(here).step_by(COARSE) {
            sum += u64::from(a.abs_diff(*b));
            count += 1;
        }
    }
    sum as f64 / f64::from(count)
}
