use super::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    fn fingerprint(&self) -> Fingerprint {
        Sha256::digest(self.der()).into()
    }

    fn leaf(&self, name: &str) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.signed_by(&KeyPair::generate().unwrap(), &self.0).unwrap().der().clone()
    }
}

fn verify(pinned: Fingerprint, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
    let dialled = ServerName::try_from("127.0.0.1").unwrap();
    PinnedAuthority { fingerprint: pinned }.verify(leaf, chain, &dialled, &[], UnixTime::now()).map(drop)
}

#[test]
fn the_hub_of_the_token_is_accepted_wherever_it_stands() {
    let hub = Authority::new();
    verify(hub.fingerprint(), &hub.leaf(SERVER_NAME), &[hub.der()]).unwrap();
}

#[test]
fn everyone_else_is_refused() {
    let (hub, stranger) = (Authority::new(), Authority::new());
    let pinned = hub.fingerprint();
    let leaf = hub.leaf(SERVER_NAME);
    // A stranger who copies the hub's public certificates into a chain of its own has no leaf that they signed.
    let forged = stranger.leaf(SERVER_NAME);
    for (why, leaf, chain) in [
        ("another authority", &forged, vec![stranger.der()]),
        ("the authority is there, but did not sign the leaf", &forged, vec![hub.der()]),
        ("both authorities are there", &forged, vec![stranger.der(), hub.der()]),
        ("the authority is not shown", &leaf, vec![]),
        ("another name", &hub.leaf("other-hub"), vec![hub.der()]),
        ("the authority itself as leaf", &hub.der(), vec![hub.der()]),
        ("garbage", &CertificateDer::from(vec![1, 2, 3]), vec![hub.der()]),
    ] {
        assert!(verify(pinned, leaf, &chain).is_err(), "accepted: {why}");
    }
    let error = verify(pinned, &forged, &[stranger.der()]).unwrap_err().to_string();
    assert!(error.contains("join token"), "{error}");
}
