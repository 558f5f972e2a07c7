//! Passwords.

use std::time::Duration;

use edge_agent::config::Transport;
use edge_core::interpreter::Mend;
use omma_testkit::simulator::Login;
use omma_testkit::simulator::quirk::Quirk;

use crate::film::RATE;
use crate::watched::{Camera, Watcher};

/// Whatever ends a part of a URL, a header or a word, and what is not ASCII.
const PASSWORD: &str = "p@ss:w/rd#1%?\" \\ä";

async fn guarded(quirks: &[Quirk], session_timeout: Duration) -> Camera {
    Camera::configured(|config| {
        let login = Login { user: "viewer".to_owned(), password: PASSWORD.to_owned().into() };
        let mut config = config.with_quirks(quirks.iter().copied());
        (config.login, config.session_timeout) = (Some(login), session_timeout);
        config
    })
    .await
}

fn knowing(camera: &Camera, password: &str) -> Watcher {
    let password: String = password.bytes().map(|byte| format!("%{byte:02X}")).collect();
    Watcher::of(&camera.url().replace("rtsp://", &format!("rtsp://viewer:{password}@")), Transport::Auto)
}

async fn plays(quirks: &[Quirk]) {
    let camera = guarded(quirks, Duration::from_secs(60)).await;
    knowing(&camera, PASSWORD).decodes(10).await;
    // One request without an answer to the challenge, which was not known yet.
    assert_eq!((camera.server.counts().unauthorized, camera.server.counts().plays), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_of_any_characters_by_digest() {
    plays(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_of_any_characters_by_basic() {
    plays(&[Quirk::BasicOnly]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_challenges_of_which_one_is_not_understood() {
    plays(&[Quirk::ManyChallenges]).await;
}

/// Keep-alives are then refused, and the camera ends the session: pictures go on in the next one. When that has ended at the
/// same age, the nonce is taken for the reason, and the third one stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_that_is_renewed_in_mid_session() {
    // Sessions that are shorter than 10 s are not taken for timed out.
    let time_out = Duration::from_secs(12);
    let camera = guarded(&[Quirk::NonceRenewed], time_out).await;
    let mut watcher = knowing(&camera, PASSWORD);
    watcher.decodes(10).await;
    for _ in 0..2 {
        let gap = watcher.breaks_off_and_goes_on().await;
        assert!(gap < Duration::from_secs(4), "nothing for {gap:?}");
    }
    watcher.decodes((time_out.as_secs() + 4) as usize * RATE as usize).await;
    assert_eq!((watcher.beginnings, watcher.interpreted()), (3, vec![Mend::Nonce]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_nonce_for_each_request() {
    let time_out = Duration::from_secs(2);
    let camera = guarded(&[Quirk::NoncePerRequest], time_out).await;
    let mut watcher = knowing(&camera, PASSWORD);
    watcher.decodes(3 * time_out.as_secs() as usize * RATE as usize).await;
    assert_eq!((watcher.beginnings, watcher.interpreted()), (1, vec![Mend::Nonce]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_that_the_interpreter_shows() {
    let camera = guarded(&[Quirk::ContentTypeCharset], Duration::from_secs(60)).await;
    let mut watcher = knowing(&camera, PASSWORD);
    watcher.decodes(5).await;
    assert_eq!(watcher.interpreted(), [Mend::ContentType]);
    // The challenge of each of the two sessions.
    assert_eq!(camera.server.counts().unauthorized, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password() {
    let camera = guarded(&[], Duration::from_secs(60)).await;
    let reason = knowing(&camera, "hunter2").fails("refuses user name and password: check them in `url`").await;
    assert!(!reason.contains("hunter2"), "{reason}");
    assert_eq!(camera.server.counts().plays, 0);
}
