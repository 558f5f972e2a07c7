//! What an edge and a restart rely on.

use std::os::unix::fs::PermissionsExt;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + made() + 100 * DAY
}

#[test]
fn a_client_that_trusts_the_authority_accepts_the_chain_by_every_name() {
    omma_runtime::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::open(folder.path(), &["hub.example", "10.0.0.5"], now()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(identity.ca().unwrap().clone()).unwrap();
    let verifier = WebPkiServerVerifier::builder(Arc::new(roots)).build().unwrap();
    let at = UnixTime::since_unix_epoch(now().duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let verify = |name: &str| {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&identity.chain[0], &identity.chain[1..], &name, &[], at)
    };
    for name in [SERVER_NAME, "hub.example", "10.0.0.5", "localhost", "127.0.0.1"] {
        verify(name).unwrap();
    }
    assert!(verify("other.example").is_err());
    identity.server_tls(rustls::ALL_VERSIONS, &[b"x"]).unwrap();
}

#[test]
fn a_restart_changes_nothing_and_secrets_are_the_owners() {
    let folder = tempfile::tempdir().unwrap();
    let first = Identity::open(folder.path(), &["hub"], now()).unwrap();
    let again = Identity::open(folder.path(), &["hub"], now()).unwrap();
    assert_eq!(first.chain, again.chain);
    assert_eq!(first.fingerprint, again.fingerprint);
    for file in ["ca.key", "server.key"] {
        let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn programs_that_start_together_end_up_with_one_identity() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Identity::open(folder.path(), &["hub"], now()).unwrap();
    let opened: Vec<_> = std::thread::scope(|s| {
        let threads: Vec<_> = (0..6).map(|_| s.spawn(open)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    for identity in &opened {
        assert_eq!(identity.chain, opened[0].chain);
        identity.server_tls(rustls::ALL_VERSIONS, &[b"x"]).unwrap();
    }
}

#[test]
fn the_leaf_is_made_again_when_its_end_nears_or_its_names_change() {
    let folder = tempfile::tempdir().unwrap();
    let first = Identity::open(folder.path(), &["hub"], now()).unwrap();
    let renamed = Identity::open(folder.path(), &["hub.example"], now()).unwrap();
    assert_ne!(first.chain[0], renamed.chain[0]);
    let later = Identity::open(folder.path(), &["hub.example"], now() + LEAF_LIFE - DAY).unwrap();
    assert_ne!(renamed.chain[0], later.chain[0]);
    assert!(later.expires > renamed.expires);
    assert_eq!(first.fingerprint, later.fingerprint);
}

#[test]
fn a_leaf_of_another_authority_is_made_again() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Identity::open(one.path(), &["hub"], now()).unwrap();
    let second = Identity::open(two.path(), &["hub"], now()).unwrap();
    for file in ["ca.pem", "ca.key"] {
        std::fs::copy(two.path().join(file), one.path().join(file)).unwrap();
    }
    let mixed = Identity::open(one.path(), &["hub"], now()).unwrap();
    assert_eq!(mixed.fingerprint, second.fingerprint);
    assert!(read_leaf(&one.path().join("server.pem")).unwrap().issued_by(mixed.ca().unwrap()));
}

#[test]
fn a_lost_authority_key_is_said_and_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    Identity::open(folder.path(), &["hub"], now()).unwrap();
    std::fs::remove_file(folder.path().join("ca.key")).unwrap();
    let error = Identity::open(folder.path(), &["hub"], now()).unwrap_err().to_string();
    assert!(error.contains("ca.key"), "{error}");
    std::fs::write(folder.path().join("ca.key"), "garbage").unwrap();
    let error = Identity::open(folder.path(), &["hub"], now()).unwrap_err().to_string();
    assert!(error.contains("not a private key"), "{error}");
}

#[test]
fn a_leaf_that_was_made_while_the_clock_was_ahead_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    // Authority and names are of before the clock went wrong.
    let first = Identity::open(folder.path(), &["hub"], now()).unwrap();
    std::fs::remove_file(folder.path().join("server.pem")).unwrap();
    let ahead = Identity::open(folder.path(), &["hub.example"], now() + 100 * DAY).unwrap();
    let right = Identity::open(folder.path(), &["hub.example"], now()).unwrap();
    assert_ne!(ahead.chain[0], right.chain[0]);
    let begins = |folder: &Path| read_leaf(&folder.join("server.pem")).unwrap().begins;
    assert!(begins(folder.path()) <= now());
    assert_eq!(first.fingerprint, right.fingerprint);
}

#[test]
fn a_start_before_the_clock_is_set_throws_no_good_leaf_away() {
    let folder = tempfile::tempdir().unwrap();
    let good = Identity::open(folder.path(), &["hub"], now()).unwrap();
    for unset in [Duration::ZERO, Duration::from_secs(1_704_067_200)] {
        let early = Identity::open(folder.path(), &["hub"], SystemTime::UNIX_EPOCH + unset).unwrap();
        assert_eq!(good.chain, early.chain, "{unset:?}");
    }
}

#[test]
fn what_a_first_start_makes_before_the_clock_is_set_fits_when_it_has_been() {
    let folder = tempfile::tempdir().unwrap();
    let first = Identity::open(folder.path(), &["hub"], SystemTime::UNIX_EPOCH).unwrap();
    let set = Identity::open(folder.path(), &["hub"], now()).unwrap();
    assert_eq!(first.chain, set.chain);
    assert!(set.expires > now() + RENEW_BEFORE);
}

#[test]
fn a_power_cut_between_key_and_leaf_costs_a_new_leaf_and_not_the_start() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    Identity::open(folder.path(), &["hub"], now()).unwrap();
    Identity::open(other.path(), &["hub"], now()).unwrap();
    for key in [std::fs::read(other.path().join("server.key")).unwrap(), vec![]] {
        std::fs::write(folder.path().join("server.key"), key).unwrap();
        let identity = Identity::open(folder.path(), &["hub"], now()).unwrap();
        identity.server_tls(rustls::ALL_VERSIONS, &[]).unwrap();
    }
}

/// It was made anew at a start only: a hub that ran for two years shut its edges out until somebody started it again.
#[tokio::test(start_paused = true)]
async fn a_hub_that_runs_for_two_years_shows_a_new_leaf_before_the_old_one_ends() {
    let (folder, begin) = (tempfile::tempdir().unwrap(), tokio::time::Instant::now());
    let hosts = vec!["hub".to_owned()];
    let identity = Identity::open(folder.path(), &hosts, now()).unwrap();
    let clock = move || now() + begin.elapsed();
    let token = tokio_util::sync::CancellationToken::new();
    let renewal = expiry::Renewal::of(&identity, folder.path().to_owned(), hosts);
    let task = tokio::spawn(renewal.keep(clock, token.clone()));
    let shown = || identity.shown.now().cert[0].clone();

    tokio::time::sleep(LEAF_LIFE - 30 * DAY - DAY).await;
    assert_eq!(shown(), identity.chain[0]);
    // Without the authority's key there is no new one.
    let (key, away) = (folder.path().join("ca.key"), folder.path().join("away"));
    std::fs::rename(&key, &away).unwrap();
    tokio::time::sleep(10 * DAY).await;
    assert_eq!(shown(), identity.chain[0]);
    std::fs::rename(&away, &key).unwrap();
    tokio::time::sleep(DAY).await;
    assert_ne!(shown(), identity.chain[0]);

    let leaf = read_leaf(&folder.path().join("server.pem")).unwrap();
    assert_eq!(shown(), leaf.der, "a start shows the same");
    assert!(leaf.expires > identity.expires + 600 * DAY && leaf.issued_by(identity.ca().unwrap()));
    assert_eq!(shown(), Identity::open(folder.path(), &["hub"], clock()).unwrap().chain[0]);
    tokio::time::sleep(LEAF_LIFE - 40 * DAY).await;
    assert_eq!(shown(), leaf.der);
    tokio::time::sleep(20 * DAY).await;
    assert_ne!(shown(), leaf.der, "and again");
    token.cancel();
    task.await.unwrap();
}

/// Of a data folder on a disk that dropped out it made a new authority, and showed a leaf of that to edges that trust the old one.
#[tokio::test(start_paused = true)]
async fn a_data_folder_that_is_gone_or_another_hubs_while_the_hub_runs_shuts_no_edge_out() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hosts, begin) = (vec!["hub".to_owned()], tokio::time::Instant::now());
    let identity = Identity::open(folder.path(), &hosts, now()).unwrap();
    Identity::open(other.path(), &hosts, now()).unwrap();
    let token = tokio_util::sync::CancellationToken::new();
    let renewal = expiry::Renewal::of(&identity, folder.path().to_owned(), hosts);
    let task = tokio::spawn(renewal.keep(move || now() + begin.elapsed(), token.clone()));
    let shown = || identity.shown.now().cert[0].clone();

    let (data, away) = (folder.path(), tempfile::tempdir().unwrap());
    for file in std::fs::read_dir(data).unwrap() {
        let file = file.unwrap().path();
        std::fs::rename(&file, away.path().join(file.file_name().unwrap())).unwrap();
    }
    tokio::time::sleep(LEAF_LIFE - 25 * DAY).await;
    assert_eq!(shown(), identity.chain[0]);
    assert_eq!(std::fs::read_dir(data).unwrap().count(), 0, "nothing is made where it was");
    for (from, renews) in [(other.path(), false), (away.path(), true)] {
        for file in AUTHORITY {
            std::fs::copy(from.join(file), data.join(file)).unwrap();
        }
        tokio::time::sleep(DAY).await;
        assert_eq!(shown() != identity.chain[0], renews);
        assert_eq!(data.join("server.pem").exists(), renews);
    }
    assert!(read_leaf(&data.join("server.pem")).unwrap().issued_by(identity.ca().unwrap()));
    token.cancel();
    task.await.unwrap();
}

/// Each began when the first one did.
#[test]
fn however_often_a_leaf_is_made_again_it_is_not_valid_for_longer_than_clients_take() {
    let folder = tempfile::tempdir().unwrap();
    for days in (0..3650).step_by(340) {
        let at = now() + days * DAY;
        Identity::open(folder.path(), &["hub"], at).unwrap();
        let leaf = read_leaf(&folder.path().join("server.pem")).unwrap();
        assert!(leaf.begins <= at && leaf.expires - 825 * DAY < leaf.begins, "after {days} days");
    }
    // By a clock that is three months ahead it fits for edges whose clock is right.
    Identity::open(folder.path(), &["hub.example"], now() + 3650 * DAY).unwrap();
    let leaf = read_leaf(&folder.path().join("server.pem")).unwrap();
    assert!(leaf.begins <= now() + (3650 - 90) * DAY);
}

/// What is made by a clock that is ahead must fit when it is right again.
#[tokio::test(start_paused = true)]
async fn a_clock_that_leaps_ahead_makes_no_leaf_that_edges_refuse_once_it_is_right() {
    let (folder, begin) = (tempfile::tempdir().unwrap(), tokio::time::Instant::now());
    let hosts = vec!["hub".to_owned()];
    let identity = Identity::open(folder.path(), &hosts, now()).unwrap();
    // Ten years ahead in every third hour, and from the hundredth on until somebody notices.
    let clock = move || {
        let hour = begin.elapsed().as_secs() / 3600;
        let ahead = if hour < 100 { hour % 3 == 1 } else { hour < 130 };
        now() + begin.elapsed() + if ahead { 3650 * DAY } else { Duration::ZERO }
    };
    let token = tokio_util::sync::CancellationToken::new();
    let renewal = expiry::Renewal::of(&identity, folder.path().to_owned(), hosts);
    let task = tokio::spawn(renewal.keep(clock, token.clone()));
    tokio::time::sleep(4 * DAY).await;
    assert_eq!(identity.shown.now().cert[0], identity.chain[0]);
    tokio::time::sleep(DAY).await;
    assert_ne!(identity.shown.now().cert[0], identity.chain[0]);
    let ahead = read_leaf(&folder.path().join("server.pem")).unwrap();
    assert!(ahead.expires > now() + 3650 * DAY && ahead.begins > now());
    tokio::time::sleep(DAY).await;
    let right = read_leaf(&folder.path().join("server.pem")).unwrap();
    assert_eq!(identity.shown.now().cert[0], right.der);
    assert!(right.begins <= now() + 5 * DAY && right.expires > now() + 600 * DAY);
    token.cancel();
    task.await.unwrap();
}
