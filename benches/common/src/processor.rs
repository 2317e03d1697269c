//! Where a thread runs, what it had of the processor, and what else ran.

use std::io;
use std::time::Duration;

/// Processor time of the calling thread.
pub fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place to write to.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(status, 0, "every Linux has this clock");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Keeps the calling thread on one of the processors that it may use: the last one,
/// or the `nth` before it. The first has the interrupts.
pub fn pin(nth: usize) -> io::Result<()> {
    let mut allowed = empty();
    // SAFETY: a valid set of this size.
    let status = unsafe { libc::sched_getaffinity(0, size_of_val(&allowed), &raw mut allowed) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a number below the size of a set.
    let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &allowed) };
    let chosen = (0..libc::CPU_SETSIZE as usize).rev().filter(is_allowed).nth(nth);
    let chosen = chosen.ok_or_else(|| io::Error::other("not so many processors"))?;
    let mut set = empty();
    // SAFETY: a number below the size of a set.
    unsafe { libc::CPU_SET(chosen, &mut set) };
    // SAFETY: a valid set of this size.
    match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn empty() -> libc::cpu_set_t {
    // SAFETY: zeroes are an empty set.
    unsafe { std::mem::zeroed() }
}

/// Lets all others go first: the calling thread, and the threads and processes that
/// it starts from now on. Where all want to run they get a tenth of the time: enough
/// for a server to be alive on a busy machine.
pub fn give_way() -> io::Result<()> {
    // SAFETY: takes numbers; 0 is the calling thread.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// How busy the machine is since a moment: a table of one at its limit says nothing.
#[derive(Debug)]
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
