//! Where a shared lease store is, and who we are to it.

use std::fmt;
use std::time::Duration;

use super::pem;
use crate::facts::error::{Error, Result, without_credentials};
use crate::facts::key::Key;
use crate::facts::option_value::Secret;
use crate::facts::options::Options;

/// What a lease store is made from.
#[derive(Clone)]
pub struct Config {
    /// Its servers, as host and port.
    pub servers: Vec<(String, u16)>,
    /// Redis: the number of the database.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "etcd has none"))]
    pub database: i64,
    /// Whether the connection is encrypted.
    pub tls: Option<Tls>,
    /// User, empty for none.
    pub user: String,
    /// Password, empty for none.
    pub password: Secret,
    /// What the names of all leases begin with.
    pub prefix: String,
    /// How long a lease holds.
    #[cfg_attr(not(feature = "etcd"), allow(dead_code, reason = "Redis has no sessions"))]
    pub ttl: Duration,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
}

/// PEM texts.
#[derive(Clone, Default)]
pub struct Tls {
    /// Whom to trust, instead of the public roots.
    pub ca: Option<Vec<u8>>,
    /// Our certificate and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// What may stand behind `scheme://`.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Port if none is named.
    pub port: u16,
    /// Several servers may be named.
    pub many: bool,
    /// A number of a database may follow.
    pub database: bool,
    /// The form, for errors.
    pub allowed: &'static str,
}

impl Config {
    /// Reads `rest`, which stands behind the scheme of the option `lease_store`.
    pub fn read(options: &Options, rest: &str, tls: bool, form: Form) -> Result<Self> {
        let wrong = |why: &str| {
            let shown = format!("{:?} ({why})", without_credentials(&options.lease_store));
            Error::invalid("lease_store", shown, form.allowed)
        };
        if rest.contains('@') {
            return Err(wrong("user and password go into lease_store_user and lease_store_password"));
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let database = match path {
            "" => 0,
            path if form.database => path
                .parse()
                .ok()
                .filter(|number| *number >= 0)
                .ok_or_else(|| wrong("what follows the host is the number of a database"))?,
            _ => return Err(wrong("nothing follows the hosts")),
        };
        let servers = hosts.split(',').map(|host| server(host, form.port));
        let servers: Option<Vec<_>> = servers.collect();
        let servers = servers.ok_or_else(|| wrong("a host is missing, or a port is none"))?;
        if servers.len() > 1 && !form.many {
            return Err(wrong("one server"));
        }
        Ok(Self {
            servers,
            database,
            tls: if tls { Some(read_tls(options)?) } else { refuse_tls(options)? },
            user: options.lease_store_user.clone(),
            password: options.lease_store_password.clone(),
            prefix: options.lease_prefix.clone(),
            ttl: options.lease_ttl,
            connect_timeout: options.connect_timeout,
        })
    }

    /// The name of what numbers are counted with. As good as no key has it, and if one has
    /// its lease is forgone.
    pub fn numbers(&self) -> Vec<u8> {
        [self.prefix.as_bytes(), b".edgecmp-numbers"].concat()
    }

    /// The name of a lease in the store.
    pub fn name(&self, key: &Key) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("servers", &self.servers).finish_non_exhaustive()
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn server(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        Some(_) if !text.ends_with(']') => return None,
        _ => (text, default_port),
    };
    (is_host(host) && port > 0).then(|| (host.to_owned(), port))
}

/// What else there is in no name is found out here: the clients would find out with
/// each attempt to connect, and nobody would hear of it.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let is_named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            (1..=253).contains(&host.len()) && host.bytes().all(is_named)
        }
    }
}

fn refuse_tls(options: &Options) -> Result<Option<Tls>> {
    for (name, value) in tls_files(options) {
        if !value.is_empty() {
            let allowed = "only with rediss:// or etcds://";
            return Err(Error::invalid(name, format_args!("{value:?}"), allowed));
        }
    }
    Ok(None)
}

fn tls_files(options: &Options) -> [(&'static str, &str); 3] {
    [
        ("lease_store_ca_file", &options.lease_store_ca_file),
        ("lease_store_cert_file", &options.lease_store_cert_file),
        ("lease_store_key_file", &options.lease_store_key_file),
    ]
}

fn read_tls(options: &Options) -> Result<Tls> {
    let [ca, cert, key] = tls_files(options).map(|(name, path)| match path {
        "" => Ok(None),
        path => read_pem(name, path).map(Some),
    });
    let identity = match (cert?, key?) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        (Some(_), None) => {
            let allowed = "the key of lease_store_cert_file";
            return Err(Error::invalid("lease_store_key_file", "nothing", allowed));
        }
        (None, Some(_)) => {
            let allowed = "the certificate of lease_store_key_file";
            return Err(Error::invalid("lease_store_cert_file", "nothing", allowed));
        }
    };
    let tls = Tls { ca: ca?, identity };
    pem::check(options, &tls)?;
    Ok(tls)
}

fn read_pem(name: &str, path: &str) -> Result<Vec<u8>> {
    // Files that never end are no certificates.
    const LARGEST: u64 = 16 << 20;
    use std::io::Read as _;
    let mut text = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text));
    let is_pem = text.windows(11).any(|part| part == b"-----BEGIN ");
    match read {
        Ok(_) if is_pem => Ok(text),
        Ok(_) => Err(Error::invalid(name, format_args!("{path:?} (no PEM in it)"), "a PEM file")),
        Err(error) => Err(Error::invalid(name, format_args!("{path:?} ({error})"), "a readable PEM file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Form = Form { port: 2379, many: true, database: false, allowed: "etcd://host:port" };

    fn read(rest: &str) -> Result<Config> {
        let options = Options { lease_store: format!("etcd://{rest}"), ..Options::default() };
        Config::read(&options, rest, false, FORM)
    }

    #[test]
    fn hosts_and_ports() {
        let servers = |rest| read(rest).unwrap().servers;
        assert_eq!(servers("a"), [("a".into(), 2379)]);
        assert_eq!(servers("a:1,b,[::1]:7"), [("a".into(), 1), ("b".into(), 2379), ("[::1]".into(), 7)]);
        assert_eq!(servers("[::1]"), [("[::1]".into(), 2379)]);
        for rest in ["", "a,", "a:x", "a:0", "a:70000", "::1", "a/b", " ", "a b:1", "a?b", "a#b:1", "ä"] {
            assert!(read(rest).is_err(), "{rest:?}");
        }
        for rest in ["[", "]", "[]", "[]:1", "[a]:1", "[::1", "a]:1", "a%20", "*", &"a".repeat(254)] {
            assert!(read(rest).is_err(), "{rest:?}");
        }
    }

    #[test]
    fn a_password_in_the_url_is_refused_and_not_shown() {
        let text = read("user:hunter2@host").unwrap_err().to_string();
        assert!(text.contains("lease_store_password") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn files_are_named_in_errors() {
        let options = Options { lease_store_ca_file: "/nowhere".into(), ..Options::default() };
        let text = |tls| Config::read(&options, "a", tls, FORM).unwrap_err().to_string();
        assert!(text(true).contains("lease_store_ca_file: got \"/nowhere\""), "{}", text(true));
        assert!(text(false).contains("only with rediss:// or etcds://"), "{}", text(false));
    }
}
