//! JPEGs of a camera's pictures: begun when first asked for, and then made until the server ends, so that whoever asks
//! now and then gets the picture of now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::jpeg;
use omma_protocol::unit::AccessUnit;
use tokio::sync::watch;

use super::super::server::House;
use super::super::source::{Due, ParameterSets};

const QUALITY: u8 = 80;
/// No picture is shrunk.
const MAX_SIDE: u32 = u16::MAX as u32;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// One picture.
#[derive(Debug, Clone)]
pub(super) struct Print {
    /// Which one, from 1 on.
    pub(super) number: u64,
    pub(super) jpeg: Bytes,
}

/// Where one client sees the newest picture.
pub(super) type Prints = watch::Receiver<Option<Print>>;

/// One for each camera that was asked for.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Darkrooms(Mutex<BTreeMap<String, watch::Sender<Option<Print>>>>);

impl Darkrooms {
    /// `None` where there is no such camera.
    pub(super) fn open(&self, house: &Arc<House>, camera: &str) -> Option<Prints> {
        house.cameras.get(camera)?;
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let prints = open.entry(camera.to_owned()).or_insert_with(|| {
            let prints = watch::Sender::new(None);
            let (house, camera, to) = (house.clone(), camera.to_owned(), prints.clone());
            tokio::spawn(async move { house.stop.run_until_cancelled(develop(&house, &camera, &to)).await });
            prints
        });
        let mut prints = prints.subscribe();
        // The newest one has not been seen by this client.
        prints.mark_changed();
        Some(prints)
    }
}

/// The newest picture, which this client has not seen. `None` where there will be no more.
pub(super) async fn newest(prints: &mut Prints) -> Option<Print> {
    loop {
        prints.changed().await.ok()?;
        let print = prints.borrow_and_update().clone();
        if print.is_some() {
            return print;
        }
    }
}

/// Makes JPEGs for ever. Some milliseconds each, so that it is done right here.
async fn develop(house: &House, camera: &str, prints: &watch::Sender<Option<Print>>) {
    let Some(station) = house.cameras.get(camera) else { return };
    let mut number = 0;
    // A feed ends when its pictures were not fetched for seconds.
    loop {
        let mut feed = station.source.play();
        let codec = station.source.parameter_sets().codec();
        let Ok(mut decoder) = Decoder::new(codec, DecoderChoice::Auto) else { return };
        while let Some(due) = feed.next().await {
            let Ok(Some(decoded)) = decoder.decode(&unit(&due, station.source.parameter_sets())) else { continue };
            let Ok(jpeg) = jpeg::encode(decoded.planes(), None, MAX_SIDE, QUALITY) else { continue };
            number += 1;
            prints.send_replace(Some(Print { number, jpeg }));
        }
    }
}

fn unit(due: &Due, sets: &ParameterSets) -> AccessUnit {
    let key = due.picture.key;
    let codec = due.picture.codec;
    let sets = sets.vps.iter().chain([&sets.sps, &sets.pps]).filter(|_| key);
    let data: Vec<u8> = sets.chain(&due.picture.nals).flat_map(|nal| [&START_CODE[..], nal].concat()).collect();
    AccessUnit { time: due.time, key, codec, data: data.into() }
}
