//! What is demanded of a figure.

use std::fmt;

use serde_json::{Value, json};

/// One bar with its figure.
#[derive(Clone, Debug)]
pub struct Bar {
    pub text: String,
    /// At most.
    pub limit: f64,
    /// `None`: its parts were not measured.
    pub figure: Option<f64>,
    /// The least and the greatest where it was measured several times.
    pub range: Option<(f64, f64)>,
    /// What is to be known of it.
    pub note: String,
    /// What was measured differs more by itself than is demanded: no pass, whatever
    /// the figure.
    pub is_inconclusive: bool,
}

impl Bar {
    pub fn new(text: impl Into<String>, limit: f64, figure: Option<f64>) -> Self {
        let (text, note) = (text.into(), String::new());
        Self { text, limit, figure, range: None, note, is_inconclusive: false }
    }

    /// `None`: not measured.
    pub fn passed(&self) -> Option<bool> {
        self.figure.map(|figure| figure <= self.limit && !self.is_inconclusive)
    }

    pub fn json(&self) -> Value {
        json!({"bar": self.text, "limit": self.limit, "figure": self.figure, "range": self.range,
            "note": self.note, "inconclusive": self.is_inconclusive, "passed": self.passed()})
    }
}

/// One line of a table.
impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = self.figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.2}"));
        let verdict = match (self.figure, self.passed()) {
            (None, _) => "not measured",
            (Some(_), Some(true)) => "PASS",
            _ if self.is_inconclusive => "INCONCLUSIVE",
            _ => "FAIL",
        };
        write!(f, "  {:<64} {figure:>9} <= {:<7.4} {verdict}", self.text, self.limit)?;
        if let Some((low, high)) = self.range {
            write!(f, "  [{low:.2}, {high:.2}]")?;
        }
        if !self.note.is_empty() {
            write!(f, "  ({})", self.note)?;
        }
        Ok(())
    }
}

/// Whether any is missed. What was not measured is neither met nor missed.
pub fn is_any_missed(bars: &[Bar]) -> bool {
    bars.iter().any(|bar| bar.passed() == Some(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_figure_is_no_success() {
        assert_eq!(Bar::new("met", 1.0, Some(1.0)).passed(), Some(true));
        assert_eq!(Bar::new("missed", 1.0, Some(1.01)).passed(), Some(false));
        assert_eq!(Bar::new("no number", 1.0, Some(f64::NAN)).passed(), Some(false));
        assert_eq!(Bar::new("not measured", 1.0, None).passed(), None);
        let unclear = Bar { is_inconclusive: true, ..Bar::new("met by chance", 1.0, Some(0.5)) };
        assert!(is_any_missed(&[unclear]));
    }
}
