//! Certificates of an authority that exists for one test.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
};

/// PEM files: an authority, a server's certificate and key, a client's.
#[derive(Debug)]
pub struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    /// Makes new ones, for 127.0.0.1 and localhost.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("parameters");
        // OpenSSL takes certificates for self-signed whose subject is their issuer.
        ca.distinguished_name.push(DnType::CommonName, "authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();
        let issuer = Issuer::new(ca, ca_key);
        let new = Self { directory };
        new.write("ca.pem", &ca_pem);
        for (name, purposes) in [
            // etcd's members are each other's clients, and its gateway its own.
            ("server", &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth][..]),
            ("client", &[ExtendedKeyUsagePurpose::ClientAuth][..]),
        ] {
            let key = KeyPair::generate().expect("a key");
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
            params.distinguished_name.push(DnType::CommonName, name);
            params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
            params.extended_key_usages = purposes.to_vec();
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            new.write(&format!("{name}.pem"), &certificate.pem());
            new.write(&format!("{name}.key"), &key.serialize_pem());
        }
        new
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("a file");
    }

    /// The path of `ca.pem`, `server.pem`, `server.key`, `client.pem` or `client.key`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same as a text, for options.
    pub fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// What is in such a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        read(&self.path(name))
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file that was written")
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
