//! The table of verdicts.

use std::fmt;

/// What is said of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As the document says.
    Pass,
    /// Optional and not there; what that costs.
    Absent(String),
    /// Against the document; how.
    Fail(String),
}

/// One check.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What was found.
    pub verdict: Verdict,
}

/// All checks of one origin.
#[derive(Debug, Clone)]
pub struct Report {
    /// In the order they ran.
    pub rows: Vec<Row>,
}

impl Report {
    /// Nothing failed.
    pub fn conforms(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row.verdict, Verdict::Fail(_)))
    }

    /// The verdict of a check.
    pub fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.rows.iter().find(|row| row.name == name).map(|row| &row.verdict)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        for Row { name, verdict } in &self.rows {
            let (word, remark) = match verdict {
                Verdict::Pass => ("PASS", ""),
                Verdict::Absent(remark) => ("ABSENT", remark.as_str()),
                Verdict::Fail(remark) => ("FAIL", remark.as_str()),
            };
            writeln!(formatter, "{}", format!("{name:width$}  {word:6}  {remark}").trim_end())?;
        }
        let verdict = if self.conforms() { "conforms" } else { "does not conform" };
        writeln!(formatter, "The origin {verdict}.")
    }
}
