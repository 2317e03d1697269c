//! What this process has of the machine.

/// Resident memory, open files, threads.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    pub rss_kib: u64,
    pub files: usize,
    pub threads: u64,
}

impl Process {
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
        };
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self { rss_kib: field("VmRSS:"), files, threads: field("Threads:") }
    }
}
