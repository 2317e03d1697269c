//! Traces of real applications: every `*.trace.xz` of a folder.
//!
//! One request is one big-endian 32-bit key.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use crate::workload::Workload;

const SUFFIX: &str = ".trace.xz";

pub const ATTRIBUTION: &str =
    "Traces: copyright headissue GmbH, Jens Wilke; CC BY 4.0; as distributed with the Caffeine simulator.";

pub const HOW_TO_GET: &str = "\
Rows of real traces are MISSING: no folder of *.trace.xz was given.
Get them from the Caffeine simulator (https://github.com/ben-manes/caffeine,
simulator/src/main/resources/.../parser/cache2k/: web07, web12, orm-busy, orm-night),
and say where they are: EDGECMP_TRACES=<folder> or --traces <folder>.
Without them: --synthetic-only.";

/// All traces of a folder, by name.
pub fn load(folder: &Path) -> io::Result<Vec<Workload>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(SUFFIX))
        .collect();
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> io::Result<Workload> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut bytes = Vec::new();
    lzma_rs::xz_decompress(&mut BufReader::new(File::open(path)?), &mut bytes)
        .map_err(|error| io::Error::other(format!("{}: {error:?}", path.display())))?;
    let keys =
        bytes.chunks_exact(4).map(|key| u64::from(u32::from_be_bytes([key[0], key[1], key[2], key[3]])));
    Ok(Workload::trace(name.trim_end_matches(SUFFIX), keys))
}
