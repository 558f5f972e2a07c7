//! Servers that stop and start, and connections that are cut.

use omma_testkit::simulator::{Config, Server};

use super::clients::{Wire, film, start, until};

#[tokio::test(flavor = "multi_thread")]
async fn dropped_players_may_come_back() {
    let server = start(film("door", "walkers.h264", 50)).await;
    for _ in 0..2 {
        let mut wire = Wire::connect(&server).await;
        wire.play(&server.url("door")).await;
        let before = server.counts().pictures;
        until("pictures come", || server.counts().pictures > before + 5).await;
        server.drop_players();
        wire.hear_out().await;
    }
    assert_eq!(server.counts().plays, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_again_on_its_port() {
    let camera = film("door", "walkers.h264", 50);
    let mut config = Config::new(vec![camera]);
    for _ in 0..3 {
        let server = Server::start(config.clone()).await.unwrap();
        config.listen = server.address();
        let mut wire = Wire::connect(&server).await;
        wire.play(&server.url("door")).await;
        server.stop().await;
        wire.hear_out().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_says_why() {
    let camera = film("door", "walkers.h264", 50);
    let server = start(camera.clone()).await;
    let taken = Config { listen: server.address(), ..Config::new(vec![camera.clone()]) };
    for (config, word) in [
        (taken, "choose another"),
        (Config::new(vec![camera.clone(), camera]), "named twice"),
        (Config::new(vec!["a=file:nowhere.h264@10".parse().unwrap()]), "camera a: read nowhere.h264: No such file"),
        (Config::new(vec!["a=file:Cargo.toml@10".parse().unwrap()]), "camera a: Cargo.toml: no H.264"),
        (Config::new(vec!["a=clock:640x480@10".parse().unwrap()]), "camera a: a clock of 640x480"),
    ] {
        let error = Server::start(config).await.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
