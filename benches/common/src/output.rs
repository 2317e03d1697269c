//! The folder of results.

use std::path::Path;

use serde_json::Value;

/// Writes `name`.json and `name`.svg, and says so.
pub fn write(folder: &Path, name: &str, figures: &Value, plot: &str) -> Result<(), String> {
    write_file(folder, &format!("{name}.json"), &format!("{figures:#}\n"))?;
    write_file(folder, &format!("{name}.svg"), plot)
}

/// Writes one file, and says so.
pub fn write_file(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    let path = folder.join(name);
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text));
    written.map_err(|error| format!("{}: {error}", path.display()))?;
    println!("wrote {}", path.display());
    Ok(())
}
