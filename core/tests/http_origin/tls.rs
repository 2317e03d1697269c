//! TLS with a certificate authority of our own.

use std::sync::Arc;

use edgecmp::Code;
use edgecmp::origin::Origin;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::wire::{Bytes, Wire, get, http, put};

const CA_FILE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/http-origin-ca.pem");

/// A server's side of TLS for 127.0.0.1; its authority goes into `CA_FILE`.
fn authority() -> TlsAcceptor {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    // What is around the certificates in such files is not ours to mind.
    std::fs::write(CA_FILE, format!("Our own authority\n{}", ca.pem())).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[tokio::test]
async fn trusts_the_authority_it_was_given_and_no_other() {
    let wire =
        Wire::start_with(Some(authority()), |_, _| Bytes(http("200 OK\r\nEdge-Version: 7", "v"))).await;
    let origin = wire.origin_with(|o| {
        o.set("origin_ca_file", CA_FILE).unwrap();
        o.set("origin_bearer_token", "s3cret").unwrap();
    });
    for _ in 0..2 {
        assert_eq!(super::value(origin.fetch(get("k")).await), b"v");
    }
    origin.write(put("k", b"v")).await.unwrap();
    let seen = wire.seen();
    assert!(seen.iter().all(|s| s.connection == 0 && s.header("authorization") == Some("Bearer s3cret")));

    let stranger = wire.origin_with(|o| o.set("origin_bearer_token", "s3cret").unwrap());
    let error = stranger.write(put("k", b"v")).await.unwrap_err();
    assert_eq!((error.error.code(), error.surely_not_done), (Code::OriginUnavailable, true));
    assert!(error.error.message().contains("UnknownIssuer"), "{error:?}");
    assert_eq!(wire.seen().len(), 3, "the token went to a stranger");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_no_connection() {
    // Reads the handshake as a request that never ends, and says nothing.
    let silent = Wire::start(|_, _| Bytes(Vec::new())).await;
    let origin = silent.origin_with(|o| {
        o.origin = format!("https://127.0.0.1:{}/{{key}}", silent.port);
        o.set("connect_timeout", "100ms").unwrap();
    });
    let error = origin.write(put("k", b"v")).await.unwrap_err();
    assert_eq!((error.error.code(), error.surely_not_done), (Code::OriginUnavailable, true));
    assert!(error.error.message().contains("connect_timeout = 100 ms"), "{error:?}");
}
