//! How busy the machine is: a table of a machine at its limit says nothing.

/// Since a moment.
pub struct Busy(Option<(u64, u64)>);

impl Busy {
    pub fn begin() -> Self {
        Self(ticks())
    }

    /// The share of the processors that was in use, by whomever.
    pub fn share(&self) -> f64 {
        match (self.0, ticks()) {
            (Some((idle, all)), Some((idle_now, all_now))) if all_now > all => {
                1.0 - (idle_now - idle) as f64 / (all_now - all) as f64
            }
            _ => f64::NAN,
        }
    }
}

/// Idle ticks and all ticks of all processors.
fn ticks() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal; guests are within user.
    let idle = fields.get(3)? + fields.get(4)?;
    Some((idle, fields.iter().take(8).sum()))
}
