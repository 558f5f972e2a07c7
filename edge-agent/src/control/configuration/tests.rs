use edge_core::rollout::STEADY;

use super::*;
use crate::cameras::tests::cameras;

const LONG: Duration = Duration::from_millis(300);

/// With 40 cameras it was kept before what it does to the uplink could show.
#[tokio::test]
async fn a_change_of_cameras_is_on_trial_for_its_whole_time_however_long_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("edge.toml");
    let of = |camera| format!("[[camera]]\nid = \"{camera}\"\nplacement = \"none\"\nurl = \"rtsp://127.0.0.1:9/\"\n");
    let edge = format!("[edge]\nname = \"site\"\ndata = {:?}\n[mqtt]\nurl = \"mqtt://127.0.0.1\"\n", folder.path());
    std::fs::write(&file, edge + &of("door")).unwrap();
    let config = Config::load(Some(&file)).unwrap_or_else(|faults| panic!("{:?}", faults.lines().collect::<Vec<_>>()));
    let (notices, _questions) = Notices::new("site".parse().unwrap(), false, None);
    let (running, mut configuration) = Configuration::open(config, notices.clone());
    let clock = EdgeClock::start();
    let mut cameras = cameras(folder.path(), notices, &clock);
    cameras.begin_slow_to_end(Arc::new(running.cameras[0].clone()), LONG);

    configuration.reaches(Reach { broker: true, hub: false }, clock.now());
    let asked = clock.now();
    let way = Way::Broker { retained: false };
    assert_eq!(configuration.desire(&mut cameras, of("yard").as_bytes(), way, &clock).await.unwrap(), Ok(()));
    let kept = configuration.wake().unwrap();
    assert!(kept >= asked + LONG + STEADY, "it is kept {:?} after it was asked for", kept - asked);
    cameras.end().await;
}
