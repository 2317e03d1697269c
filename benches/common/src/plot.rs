//! Bars with names, in panels.

use crate::sheet::{Anchor, GREY, OTHERS, Sheet};

const LINE: f64 = 20.0;
const COLUMNS: usize = 2;
/// For a figure behind its bar.
const FIGURE: f64 = 70.0;
const LEFT: f64 = 12.0;

/// Bars of one figure.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    pub rows: Vec<Row>,
    pub digits: usize,
    /// One that is a thousand times as long would leave no bar to the others; values
    /// below this have none then.
    pub logarithmic_from: Option<f64>,
    /// A line at this value.
    pub limit: Option<f64>,
    /// What takes the whole width, if it is not the largest.
    pub scale: Option<f64>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub value: f64,
    /// The least and the greatest that were measured.
    pub range: Option<(f64, f64)>,
    pub colour: &'static str,
}

impl Row {
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, range: None, colour: OTHERS }
    }
}

impl Panel {
    pub fn new(title: impl Into<String>, digits: usize, rows: Vec<Row>) -> Self {
        Self { title: title.into(), rows, digits, logarithmic_from: None, limit: None, scale: None }
    }

    /// The largest value, range or limit.
    pub fn largest(&self) -> f64 {
        let ranges = self.rows.iter().filter_map(|row| row.range).map(|range| range.1);
        let values = self.rows.iter().map(|row| row.value).chain(ranges).chain(self.limit);
        values.filter(|value| value.is_finite()).fold(1e-9, f64::max)
    }

    /// The part of the width that a value takes.
    fn share(&self, value: f64) -> f64 {
        let largest = self.scale.unwrap_or_else(|| self.largest());
        let share = match self.logarithmic_from {
            Some(least) => (value / least).ln() / (largest / least).ln(),
            None => value / largest,
        };
        // What was not measured has no bar, what is out of all bounds a whole one.
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    fn draw(&self, sheet: &mut Sheet, (x, y): (f64, f64), names: f64, bars: f64) {
        sheet.title((x + LEFT, y + 1.5 * LINE), &self.title);
        let (left, digits) = (x + names, self.digits);
        for (i, row) in self.rows.iter().enumerate() {
            let top = y + (i as f64 + 2.0) * LINE;
            let at = |value| left + (self.share(value) * bars).max(1.0);
            sheet.text((left - 6.0, top + 14.0), Anchor::End, "black", &row.name);
            sheet.rectangle((left, top + 3.0), (at(row.value) - left, 14.0), row.colour);
            let mut end = at(row.value);
            if let Some((low, high)) = row.range {
                sheet.line(&[(at(low), top + 10.0), (at(high), top + 10.0)], 1.5, "black");
                for value in [low, high] {
                    sheet.line(&[(at(value), top + 6.0), (at(value), top + 14.0)], 1.5, "black");
                }
                end = end.max(at(high));
            }
            let figure = format!("{:.digits$}", row.value);
            sheet.text((end + 5.0, top + 14.0), Anchor::Start, "black", &figure);
        }
        if let Some(limit) = self.limit {
            let (x, top) = (left + self.share(limit) * bars, y + 2.0 * LINE);
            sheet.line(&[(x, top), (x, top + self.rows.len() as f64 * LINE)], 1.0, GREY);
            let at = (x, top + self.rows.len() as f64 * LINE + 12.0);
            sheet.text(at, Anchor::Middle, GREY, &format!("at most {limit}"));
        }
    }
}

/// The SVG: panels side by side, each so wide, with so much of it for names.
pub fn svg(panels: &[Panel], width: f64, names: f64) -> String {
    let rows = panels.iter().map(|panel| panel.rows.len()).max().unwrap_or(0) as f64;
    let height = (rows + 3.0) * LINE;
    let mut sheet = Sheet::new(width * COLUMNS as f64, height * panels.len().div_ceil(COLUMNS) as f64);
    for (i, panel) in panels.iter().enumerate() {
        let place = ((i % COLUMNS) as f64 * width, (i / COLUMNS) as f64 * height);
        panel.draw(&mut sheet, place, names, width - names - FIGURE);
    }
    sheet.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let rows = vec![Row::new("a", 1.0), Row::new("b < c", 4.0), Row::new("nothing", f64::NAN)];
        let mut panel = Panel::new("title", 1, rows);
        assert_eq!(
            [1.0, 4.0, f64::NAN, f64::INFINITY].map(|value| panel.share(value)),
            [0.25, 1.0, 0.0, 1.0]
        );
        panel.logarithmic_from = Some(1e-2);
        assert!((panel.share(0.2) - 0.5).abs() < 1e-9);
        panel.limit = Some(8.0);
        assert_eq!(panel.share(8.0), 1.0);
        let svg = svg(&[panel], 400.0, 100.0);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.contains("b &lt; c"));
    }
}
