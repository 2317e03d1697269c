//! Where things are.

use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure};

/// Directories of one run.
#[derive(Clone, Debug)]
pub struct Places {
    /// The checkout.
    pub root: PathBuf,
    /// Where cargo put this program, and with it the origin and the C library.
    pub built: PathBuf,
    /// `target/demo`: data that outlives a run, and the report.
    pub demo: PathBuf,
    /// `target/demo/run`: database and logs of this run only.
    pub run: PathBuf,
    /// The interpreter in which the Python package is installed.
    pub python: PathBuf,
}

impl Places {
    /// Finds them, and empties the place of the run.
    pub fn prepare(python: Option<&Path>) -> Result<Self, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let root = root.canonicalize().doing(root.display())?;
        let program = std::env::current_exe().doing("finding this program")?;
        let built = program.parent().unwrap_or(&root).to_owned();
        let demo = root.join("target/demo");
        let run = demo.join("run");
        if run.exists() {
            std::fs::remove_dir_all(&run).doing(run.display())?;
        }
        std::fs::create_dir_all(&run).doing(run.display())?;
        let default = demo.join("venv/bin/python");
        let python = python.map_or(default, Path::to_owned);
        Ok(Self { root, built, demo, run, python })
    }

    /// A file of the demo's sources.
    #[must_use]
    pub fn source(&self, name: &str) -> PathBuf {
        self.root.join("examples/demo").join(name)
    }
}
