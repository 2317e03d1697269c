//! Whether certificates and a key are what they have to be. The clients would find out
//! when they connect, each time, and nobody would hear of it but by a log.

use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::config::Tls;
#[cfg(feature = "redis")]
use crate::facts::error::Code;
use crate::facts::error::{Error, Result};
use crate::facts::options::Options;

/// Names the file that is none.
pub fn check(options: &Options, tls: &Tls) -> Result<()> {
    let wrong = |name: &str, path: &str, why: String, allowed: &str| {
        Err(Error::invalid(name, format_args!("{path:?} ({why})"), allowed))
    };
    if let Some(Err(why)) = tls.ca.as_ref().map(|ca| trusted(ca)) {
        let allowed = "a PEM file with certificates that may sign others";
        return wrong("lease_store_ca_file", &options.lease_store_ca_file, why, allowed);
    }
    let Some((cert, key)) = &tls.identity else { return Ok(()) };
    let chain = match certificates(cert) {
        Ok(chain) => chain,
        Err(why) => {
            let allowed = "a PEM file with a certificate";
            return wrong("lease_store_cert_file", &options.lease_store_cert_file, why, allowed);
        }
    };
    // What is wrong with a key is told without any of it.
    let unread = |_| "no key in it that can be read".to_owned();
    let key = PrivateKeyDer::from_pem_slice(key).map_err(unread);
    let fits =
        |key| CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| error.to_string());
    match key.and_then(fits) {
        Ok(_) => Ok(()),
        Err(why) => {
            let allowed = "a PEM file with the key of lease_store_cert_file";
            wrong("lease_store_key_file", &options.lease_store_key_file, why, allowed)
        }
    }
}

/// How a client does TLS, with what was checked.
#[cfg(feature = "redis")]
pub fn client(tls: &Tls) -> Result<rustls::ClientConfig> {
    let failed = |why: String| Error::new(Code::Internal, format!("TLS: {why}"));
    let mut roots = RootCertStore::empty();
    match &tls.ca {
        Some(ca) => roots.add_parsable_certificates(certificates(ca).map_err(failed)?),
        None => {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            (0, 0)
        }
    };
    let builder = rustls::ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(roots);
    let Some((cert, key)) = &tls.identity else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(cert).map_err(failed)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| failed("no key".into()))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| failed(error.to_string()))
}

fn certificates(text: &[u8]) -> std::result::Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(text).collect::<std::result::Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err("no certificate in it".into()),
        Ok(found) => Ok(found),
        // A parser's error shows what it read, and in the wrong file that is a key.
        Err(_) => Err("no whole certificate in it".into()),
    }
}

fn trusted(text: &[u8]) -> std::result::Result<(), String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(text)? {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn files() -> Options {
        let (ca, cert, key) = ("ca.pem".to_owned(), "cert.pem".to_owned(), "key.pem".to_owned());
        Options {
            lease_store_ca_file: ca,
            lease_store_cert_file: cert,
            lease_store_key_file: key,
            ..Options::default()
        }
    }

    /// A certificate and its key.
    fn identity() -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem().into(), key.serialize_pem().into())
    }

    fn error(ca: Option<&[u8]>, identity: Option<(&[u8], &[u8])>) -> String {
        let identity = identity.map(|(cert, key)| (cert.to_vec(), key.to_vec()));
        let checked = check(&files(), &Tls { ca: ca.map(<[u8]>::to_vec), identity });
        checked.map_or_else(|error| error.message().to_owned(), |()| "sound".to_owned())
    }

    #[test]
    fn sound_files() {
        let (cert, key) = identity();
        assert_eq!(error(None, None), "sound");
        assert_eq!(error(Some(&cert), Some((&cert, &key))), "sound");
        assert_eq!(error(Some(&[&cert[..], &identity().0].concat()), None), "sound");
    }

    #[test]
    fn the_file_that_is_none_is_named() {
        let ((cert, key), (other, _)) = (identity(), identity());
        let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, name) in [
            (error(Some(&key), None), "lease_store_ca_file: got \"ca.pem\" ("),
            (error(Some(&cert[..cert.len() / 2]), None), "lease_store_ca_file: got \"ca.pem\" ("),
            (error(Some(garbage), None), "lease_store_ca_file: got \"ca.pem\" ("),
            (error(None, Some((&key, &key))), "lease_store_cert_file: got \"cert.pem\" ("),
            (error(None, Some((&cert, &cert))), "lease_store_key_file: got \"key.pem\" ("),
            (error(None, Some((&cert, &key[..key.len() / 2]))), "lease_store_key_file: got \"key.pem\" ("),
            (error(None, Some((&other, &key))), "lease_store_key_file: got \"key.pem\" ("),
        ] {
            assert!(text.starts_with(name) && text.contains("; allowed: a PEM file"), "{text}");
            let body = std::str::from_utf8(&key).unwrap().lines().nth(1).unwrap();
            assert!(!text.contains(&body[..8]), "{text}");
        }
    }
}
