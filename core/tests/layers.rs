//! The layers of core, and the proof that arrows between them go down only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// From the top to the bottom. Those in one row are neighbours: ports do not
/// know each other, but all know the port to time.
const LAYERS: &[&[&str]] = &[
    &["cache"],
    &["engine"],
    &["work"],
    &["coordination"],
    &["lease_store", "origin", "change_stream"],
    &["env"],
    &["store"],
    &["rules"],
    &["facts"],
    &["sync"],
];

fn height(module: &str) -> usize {
    let row = LAYERS.iter().position(|row| row.contains(&module));
    LAYERS.len() - row.unwrap_or_else(|| panic!("src/{module} is in no layer: say where it belongs"))
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The top-level modules that a text names after `crate::`, tests included
/// only where they are files of their own.
fn named(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let mut modules = Vec::new();
    for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            assert!(!rest.starts_with('{'), "line {}: name one module after crate::", number + 1);
            modules
                .push((number + 1, rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()));
        }
    }
    modules
}

#[test]
fn arrows_go_down_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut arrows = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let module = inside.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned();
        if module == "lib" || file.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (line, target) in named(&text).into_iter().filter(|(_, target)| *target != module) {
            arrows.entry((module.clone(), target)).or_insert_with(|| format!("{}:{line}", inside.display()));
        }
    }
    assert!(arrows.len() > 15, "the test sees the imports: {arrows:?}");
    let wrong: Vec<_> = arrows
        .iter()
        .filter(|((from, to), _)| height(from) <= height(to))
        .map(|((from, to), place)| format!("{from} -> {to} ({place})"))
        .collect();
    assert!(wrong.is_empty(), "arrows that go up or sideways: {wrong:#?}");
}
