//! The table of options: name, type, default, range, meaning. Every language
//! sets options by these names; the reference in `docs/options.md` is printed
//! from it.

use std::time::Duration;

use super::error::{Code, Error, Result, without_credentials};
use super::option_choice::{LeaseSlots, PrefetchThreshold};
use super::option_value::{OptionValue, PrefixBounds, Secret, Size};

/// One row of the table of options.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OptionSpec {
    /// Name, snake_case.
    pub name: &'static str,
    /// Type: duration, size, integer, text, secret, prefix bounds.
    pub kind: &'static str,
    /// Default, as text.
    pub default: &'static str,
    /// Least and greatest value, as text; empty where any text goes.
    pub range: (&'static str, &'static str),
    /// What it does.
    pub doc: &'static str,
}

macro_rules! options {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:literal $(, $min:literal ..= $max:literal)?;)+) => {
        /// The options of a cache. Set by name ([`Options::set`]) or by field;
        /// checked as a whole when the cache is opened.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct Options { $($(#[doc = $doc])+ pub $name: $kind),+ }

        /// The table of options.
        pub const OPTIONS: &[OptionSpec] = &[
            $(OptionSpec {
                name: stringify!($name),
                kind: <$kind as OptionValue>::TYPE,
                default: $default,
                range: options!(@range $($min, $max)?),
                doc: concat!($($doc),+).trim_ascii(),
            }),+
        ];

        impl Default for Options {
            fn default() -> Self {
                Self { $($name: read_value(stringify!($name), $default, options!(@range $($min, $max)?))
                    .expect("a default of the table is valid: a test reads them all")),+ }
            }
        }

        impl Options {
            /// Sets an option by name. The text of a duration or a size carries its unit.
            pub fn set(&mut self, name: &str, text: &str) -> Result<()> {
                match name {
                    $(stringify!($name) => {
                        self.$name = read_value(name, text, options!(@range $($min, $max)?))?;
                    })+
                    _ => return Err(unknown_option(name)),
                }
                Ok(())
            }

            /// An option's value as text; secrets as `***`.
            pub fn get(&self, name: &str) -> Result<String> {
                match name {
                    $(stringify!($name) => Ok(self.$name.render()),)+
                    _ => Err(unknown_option(name)),
                }
            }

            /// Checks every range, and what options say of each other.
            pub fn validate(&self) -> Result<()> {
                $(check_range(stringify!($name), &self.$name, options!(@range $($min, $max)?))?;)+
                self.validate_together()
            }
        }
    };
    (@range) => { ("", "") };
    (@range $min:literal, $max:literal) => { ($min, $max) };
}

options! {
    /// Where the origin is: `memory:`, `http://host/path/{key}` or `https://host/path/{key}`. A host-language origin is given by its own call instead.
    origin: String = "";
    /// The hard bound: no read returns a value that may be further behind the origin.
    staleness_bound: Duration = "1s", "1ms" ..= "365d";
    /// Tighter or wider bounds by key prefix, such as `prices/=50ms,static/=10s`; the longest prefix that fits counts. A per-read bound may only tighten unless it says otherwise.
    prefix_bounds: PrefixBounds = "";
    /// Age at which a read starts a background refresh; hot keys are refreshed just before it, the first time up to a third of it before. `0s`: as late as it can be in time for staleness_bound, by how long refreshes take. As much as staleness_bound: never. Scales with the bound of prefix and entry.
    refresh_after: Duration = "0s", "0s" ..= "365d";
    /// From which access rate on a key is hot, so that it is refreshed before a read has to ask: a rate such as `0.5/s`, `adaptive` (one read within its bound: a refresh saves as many waiting reads as it costs keys asked), or `off`.
    prefetch_threshold: PrefetchThreshold = "adaptive";
    /// Half-life of what is known of a key's access rate; at least four of the key's bounds.
    prefetch_half_life: Duration = "10s", "1ms" ..= "365d";
    /// Keys asked of the origin for 100 asked in all that no read has wanted since they were asked before.
    prefetch_budget_percent: u64 = "10", "0" ..= "100";
    /// Keys whose access rates are known at once, in some 200 bytes each beside capacity. Others are refreshed in time whenever they were read in the second half of their age.
    prefetch_keys: u64 = "16384", "0" ..= "10000000";
    /// How old a degraded answer may be while the origin is away (RFC 5861 stale-if-error); `0s`: never.
    outage_bound: Duration = "0s", "0s" ..= "365d";
    /// Bound for negative entries (the origin has no such key); `0s` stands for staleness_bound.
    negative_bound: Duration = "0s", "0s" ..= "365d";
    /// How long an entry that is past every bound stays, so that the origin can be asked to compare it instead of sending it again, and for reads that widen their bound or name an outage_bound of their own, which get no more than this beyond the bounds of the cache; then it leaves by itself.
    keep_expired: Duration = "10s", "0s" ..= "365d";
    /// Allowance for the drift of the local clock, added to every age, in parts per million.
    clock_drift_ppm: u64 = "500", "0" ..= "100000";
    /// Bytes that all entries with all their overhead may take.
    capacity: Size = "64MiB", "64KiB" ..= "1024GiB";
    /// Longest key, in bytes.
    max_key_bytes: Size = "1024", "1" ..= "65535";
    /// Largest value kept or written; a larger one is returned but not kept, as is one that alone exceeds capacity.
    max_value_bytes: Size = "1MiB", "1" ..= "1GiB";
    /// Largest answer read from the origin; a larger one is an error.
    max_response_bytes: Size = "16MiB", "1KiB" ..= "2GiB";
    /// Largest header section of an answer of the origin.
    max_header_bytes: Size = "64KiB", "8KiB" ..= "1MiB";
    /// Longest wait of a read, unless the read says otherwise.
    read_timeout: Duration = "1s", "1ms" ..= "1h";
    /// Longest wait of a write or delete, unless the call says otherwise.
    write_timeout: Duration = "5s", "1ms" ..= "1h";
    /// Longest wait for one answer of the origin.
    origin_timeout: Duration = "1s", "1ms" ..= "1h";
    /// Longest wait for a connection to the origin.
    connect_timeout: Duration = "500ms", "1ms" ..= "1h";
    /// Requests to the origin in progress at once.
    origin_concurrency: u64 = "32", "1" ..= "10000";
    /// Requests that may wait for a free place to the origin; more fail with OVERLOADED.
    origin_queue: u64 = "1024", "0" ..= "1000000";
    /// Reads that may wait for one key; more fail with OVERLOADED.
    max_waiters: u64 = "100000", "1" ..= "10000000";
    /// Keys asked in one compare request.
    compare_batch: u64 = "256", "1" ..= "1024";
    /// Bearer token sent to the origin (`Authorization: Bearer ...`).
    origin_bearer_token: Secret = "";
    /// File with PEM certificates that an https origin may be signed by, beside the public ones.
    origin_ca_file: String = "";
    /// Failures in a row that open the circuit breaker; `0`: no breaker.
    breaker_failures: u64 = "5", "0" ..= "1000000";
    /// How long the breaker stays open before a probe, and between probes; each time up to a quarter longer, drawn, and by half where the origin went away again just after its return.
    breaker_cooldown: Duration = "1s", "1ms" ..= "1h";
    /// How far the breaker looks back for the shares of failed and of slow requests.
    breaker_window: Duration = "10s", "100ms" ..= "1h";
    /// Requests within breaker_window below which their shares open nothing.
    breaker_min_calls: u64 = "20", "1" ..= "1000000";
    /// Share of failed requests within breaker_window, in percent, that opens the breaker.
    breaker_failure_percent: u64 = "50", "1" ..= "100";
    /// A request that takes longer is slow, whatever its answer; `0s`: none is.
    breaker_slow_call: Duration = "0s", "0s" ..= "1h";
    /// Share of slow requests within breaker_window, in percent, that opens the breaker.
    breaker_slow_percent: u64 = "80", "1" ..= "100";
    /// How long requests are held back after an outage: from a fifth of the rate before it up to all of it, and then doubling for as long as they queue; `0s`: not at all.
    breaker_ramp: Duration = "2s", "0s" ..= "1h";
    /// Longest wait of a miss for others to be asked with it in one compare, while requests of other reads are in progress; at most half of what a request takes. `0s`: none.
    gather_wait: Duration = "20ms", "0s" ..= "1s";
    /// Retries of one fetch, under the retry budget.
    retry_limit: u64 = "2", "0" ..= "10";
    /// Retries allowed for 100 requests (the retry budget).
    retry_budget_percent: u64 = "10", "0" ..= "100";
    /// First wait of the backoff (retries, lost leases); grows by 1.2 an attempt, jittered.
    backoff_base: Duration = "10ms", "1ms" ..= "1m";
    /// Longest wait of the backoff.
    backoff_cap: Duration = "1s", "1ms" ..= "1h";
    /// Where leases are kept: `embedded:` (this cache), `embedded:<name>` (all caches of the process with that name), `redis://host:port/database`, or `etcd://host:port,host:port`; `rediss://` and `etcds://` with TLS.
    lease_store: String = "embedded:";
    /// User of the lease store.
    lease_store_user: String = "";
    /// Password of the lease store.
    lease_store_password: Secret = "";
    /// File with PEM certificates that the lease store's certificate must be signed by, instead of the public ones.
    lease_store_ca_file: String = "";
    /// File with the PEM certificate that this node shows to the lease store.
    lease_store_cert_file: String = "";
    /// File with the PEM key of that certificate.
    lease_store_key_file: String = "";
    /// What the names of all leases in Redis or etcd begin with. The same on all nodes of a fleet, and another one for each fleet that shares the store.
    lease_prefix: String = "lease/cache/";
    /// How keys share refresh leases: a number of slots, each for the keys whose hash falls into it, or `per_key`. The same on all nodes of a fleet.
    lease_slots: LeaseSlots = "1024";
    /// How long a refresh lease holds unless it is released.
    lease_ttl: Duration = "2s", "10ms" ..= "1h";
    /// Longest wait for the lease store; without its answer the refresh goes on.
    lease_timeout: Duration = "50ms", "1ms" ..= "1m";
    /// Refreshes that may wait to be done, those of keys beyond prefetch_keys that are not yet due included.
    refresh_queue: u64 = "65536", "1" ..= "10000000";
    /// Threads that call a blocking origin of the host: a C callback, a plain Python loader.
    loader_threads: u64 = "4", "1" ..= "256";
    /// Seed of all random draws; `0`: a different one each time.
    seed: u64 = "0", "0" ..= "18446744073709551615";
}

fn read_value<T: OptionValue>(name: &str, text: &str, range: (&str, &str)) -> Result<T> {
    let value = T::parse(text).map_err(|form| {
        // What cannot be read may still be a secret.
        let shown =
            if T::TYPE == Secret::TYPE { "***".into() } else { format!("{:?}", without_credentials(text)) };
        Error::invalid(name, shown, form)
    })?;
    check_range(name, &value, range)?;
    Ok(value)
}

fn check_range<T: OptionValue>(name: &str, value: &T, (min, max): (&str, &str)) -> Result<()> {
    let limit = |text: &str| T::parse(text).ok().and_then(|v| v.magnitude());
    let (Some(number), Some(low), Some(high)) = (value.magnitude(), limit(min), limit(max)) else {
        return Ok(());
    };
    if (low..=high).contains(&number) {
        Ok(())
    } else {
        Err(Error::invalid(name, value.render(), &format!("{min} to {max}")))
    }
}

fn unknown_option(name: &str) -> Error {
    let near = OPTIONS.iter().map(|o| o.name).max_by_key(|known| {
        let common = known.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
        (common, std::cmp::Reverse(known.len().abs_diff(name.len())))
    });
    let shown: String = name.chars().take(64).collect();
    Error::new(
        Code::UnknownOption,
        format!(
            "no option {shown:?}; did you mean {:?}? docs/options.md lists them all",
            near.unwrap_or_default()
        ),
    )
}

impl Options {
    fn validate_together(&self) -> Result<()> {
        let at_most = |name: &str, value: Duration, limit_name: &str, limit: Duration| {
            if value > limit {
                let allowed = format!("at most {limit_name} = {}", limit.render());
                return Err(Error::invalid(name, value.render(), &allowed));
            }
            Ok(())
        };
        at_most("refresh_after", self.refresh_after, "staleness_bound", self.staleness_bound)?;
        at_most("backoff_base", self.backoff_base, "backoff_cap", self.backoff_cap)?;
        if !self.outage_bound.is_zero() && self.outage_bound < self.staleness_bound {
            let allowed = format!("0s, or at least staleness_bound = {}", self.staleness_bound.render());
            return Err(Error::invalid("outage_bound", self.outage_bound.render(), &allowed));
        }
        if self.max_value_bytes > self.max_response_bytes {
            let allowed = format!("at most max_response_bytes = {}", self.max_response_bytes.render());
            return Err(Error::invalid("max_value_bytes", self.max_value_bytes.render(), &allowed));
        }
        Ok(())
    }

    /// Reads a duration as options do, for bindings that take them elsewhere
    /// (per-read bounds, timeouts). `field` is named in the error.
    pub fn parse_duration(field: &str, text: &str) -> Result<Duration> {
        read_value(field, text, ("", ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_read_back() {
        let mut options = Options::default();
        options.validate().unwrap();
        for spec in OPTIONS {
            options.set(spec.name, spec.default).unwrap();
            let shown = options.get(spec.name).unwrap();
            assert!(
                spec.default == shown || spec.default.is_empty() || shown == "\"\"" || spec.kind == "size",
                "{}",
                spec.name
            );
            assert!(!spec.doc.is_empty());
        }
        assert_eq!(options, Options::default());
    }

    #[test]
    fn errors_name_field_value_and_range() {
        let mut options = Options::default();
        let message = |r: Result<()>| r.unwrap_err().to_string();
        assert_eq!(
            message(options.set("staleness_bound", "0s")),
            "INVALID_ARGUMENT: staleness_bound: got 0s; allowed: 1ms to 365d"
        );
        let text = message(options.set("staleness_bound", "soon"));
        assert!(text.contains("staleness_bound: got \"soon\"; allowed: a number with a unit"), "{text}");
        let text = message(options.set("stalenes_bound", "1s"));
        assert!(text.contains("did you mean \"staleness_bound\""), "{text}");
        let text = message(options.set("origin_bearer_token", "secret\n"));
        assert!(!text.contains("secret\\n"), "{text}");
        let text = message(options.set("lease_store", "redis://user:hunter2@host\n"));
        assert!(text.contains("lease_store: got \"***@host\\n\"; allowed: text without"), "{text}");
        options.refresh_after = Duration::from_secs(2);
        let text = message(options.validate());
        assert!(text.contains("refresh_after: got 2s; allowed: at most staleness_bound = 1s"), "{text}");
        options = Options { staleness_bound: Duration::ZERO, ..Options::default() };
        assert!(message(options.validate()).contains("staleness_bound: got 0s"));
    }
}
