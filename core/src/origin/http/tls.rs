//! TLS: rustls, its cryptography named here and not left to a process-wide
//! default, which belongs to the host program.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::facts::error::{Code, Error, Result};

/// Trusts the public roots and the certificates of `ca_file`.
pub(super) fn config(ca_file: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = ca_file {
        add(&mut roots, path).map_err(|why| {
            let shown = format!("{path:?} ({why})");
            Error::invalid("origin_ca_file", shown, "a readable file with PEM certificates")
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Code::Internal, format!("TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn add(roots: &mut RootCertStore, path: &Path) -> std::result::Result<(), String> {
    // Files that never end are no certificates.
    const LARGEST: u64 = 16 << 20;
    let text = (|| {
        use std::io::Read as _;
        let mut text = Vec::new();
        std::fs::File::open(path)?.take(LARGEST).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(text)
    })();
    let text = text.map_err(|error| error.to_string())?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| format!("certificate {found}: {error}"))?;
        roots.add(certificate).map_err(|error| format!("certificate {found}: {error}"))?;
        found += 1;
    }
    if found == 0 { Err("no certificate in it".into()) } else { Ok(()) }
}
