//! Child processes that never outlive the demo.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Signal, set_parent_process_death_signal};

/// A running program whose stderr goes to a file; killed when dropped.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    name: String,
    stderr: PathBuf,
}

impl Guarded {
    /// Starts `command`. Call it from the main thread: the kernel ties the child's life to the
    /// *thread* that started it.
    pub fn spawn(name: &str, mut command: Command, stderr: &Path) -> io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(stderr)?);
        // SAFETY: between fork and exec only one system call is made; it allocates nothing.
        unsafe {
            command.pre_exec(|| Ok(set_parent_process_death_signal(Some(Signal::KILL))?));
        }
        let child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy();
            io::Error::new(error.kind(), format!("{name}: cannot start {program}: {error}"))
        })?;
        Ok(Self { child, name: name.to_owned(), stderr: stderr.to_owned() })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SIGKILL, as a crash does it; returns when the process is gone.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The end of what it wrote to stderr, for reports.
    #[must_use]
    pub fn last_words(&self) -> String {
        const KEPT: usize = 2_000;
        let bytes = std::fs::read(&self.stderr).unwrap_or_default();
        let tail = &bytes[bytes.len().saturating_sub(KEPT)..];
        String::from_utf8_lossy(tail).trim().to_owned()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Fails only for a child that is already gone, which is what is wanted.
        let _ = self.kill();
    }
}
