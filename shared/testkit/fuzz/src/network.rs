//! Targets of what libraries read for the programs: a camera's RTSP, and MQTT behind its first packet.

use std::convert::Infallible;
use std::time::Duration;

use bytes::BytesMut;
use edge_agent::source::error::SourceError;
use edge_agent::source::farewells::Farewells;
use edge_agent::source::rtsp::{Item, describe};
use edge_agent::source::url::CameraUrl;
use edge_core::doctor::report::Way;
use edge_core::interpreter::Mends;
use omma_media::bitstream::nal::nals;
use rmqtt::codec::{v3, v5};
use rumqttc::v5::mqttbytes::v5::Packet;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_util::codec::Decoder;

/// How long a camera may keep an edge that it has said all it says.
const OVER: Duration = Duration::from_secs(20);
const MAX_PACKET: u32 = 64 * 1024;

/// A camera that says these bytes to whoever comes, whatever it is asked, and no more: what is read of it ends with a reason, and
/// each picture until then has something in it.
pub fn rtsp_camera(data: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.unwrap_or_else(|e| panic!("a runtime: {e}"));
    let over = runtime.block_on(async {
        // Where many were before it, there may be no port left for a while.
        let Ok(listener) = TcpListener::bind("127.0.0.1:0").await else { return None };
        let Ok(address) = listener.local_addr() else { return None };
        let Ok(url) = CameraUrl::parse(&format!("rtsp://{address}/live")) else { panic!("a camera's address") };
        let camera = async {
            while let Ok((mut viewer, _)) = listener.accept().await {
                // It may have had enough before all was said.
                drop(viewer.write_all(data).await);
                drop(viewer.shutdown().await);
                drop(tokio::io::copy(&mut viewer, &mut tokio::io::sink()).await);
            }
        };
        tokio::select! {
            () = camera => panic!("the camera has ended"),
            reason = tokio::time::timeout(OVER, watch(&url)) => Some(reason),
        }
    });
    match over {
        None => {}
        Some(Ok(Ok(never))) => match never {},
        Some(Ok(Err(reason))) => assert!(!reason.to_string().is_empty()),
        Some(Err(e)) => panic!("it does not end: {e}"),
    }
}

async fn watch(url: &CameraUrl) -> Result<Infallible, SourceError> {
    let mut stream = describe(url, &Farewells::default(), Way::Tcp, Mends::default()).await?.play().await?;
    loop {
        if let Item::Unit(unit) = stream.next().await? {
            assert!(nals(&unit.data).next().is_some(), "an empty picture of {}", unit.rtp);
        }
    }
}

/// Packets, as the edge and the hub read them of a broker, and the hub's own broker of its clients.
pub fn mqtt_packets(data: &[u8]) {
    let mut left = BytesMut::from(data);
    while let Ok(packet) = Packet::read(&mut left, Some(MAX_PACKET)) {
        assert!(!format!("{packet:?}").is_empty());
    }
    read_all(v5::Codec::new(MAX_PACKET, MAX_PACKET), data);
    read_all(v3::Codec::new(MAX_PACKET), data);
}

fn read_all<T: std::fmt::Debug>(mut codec: impl Decoder<Item = T>, data: &[u8]) {
    let mut left = BytesMut::from(data);
    while let Ok(Some(packet)) = codec.decode(&mut left) {
        assert!(!format!("{packet:?}").is_empty());
    }
}
