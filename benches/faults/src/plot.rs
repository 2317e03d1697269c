//! The plot: what hits cost in the calm and under each fault, how far that is beyond
//! the noise, and how long leases are missed.

use bench_common::plot::{self, Panel};
use bench_common::quantile::{median, range};
use bench_common::sheet::{GREY, OTHERS, OURS};

use crate::reader::Times;
use crate::report::{MOST_RATIO, MOST_SECONDS, P99};
use crate::row::Row;

const WIDTH: f64 = 560.0;
const NAMES: f64 = 200.0;

/// The SVG.
pub fn svg(rows: &[Row]) -> String {
    let bars = |colour, of: &dyn Fn(&Row) -> plot::Row| {
        let bar = |row: &Row| plot::Row { colour: if row.is_control() { GREY } else { colour }, ..of(row) };
        rows.iter().map(bar).collect::<Vec<_>>()
    };
    let p99 = |times: fn(&Row) -> &[Times]| {
        move |row: &Row| {
            let all = times(row).iter().map(P99);
            plot::Row { range: Some(range(all.clone())), ..plot::Row::new(row.name(), median(all)) }
        }
    };
    let (calm, fault) = (p99(|row| &row.turns.calm), p99(|row| &row.turns.fault));
    let ratio = |row: &Row| plot::Row {
        range: Some(row.turns.range(P99)),
        ..plot::Row::new(row.name(), row.turns.ratio(P99))
    };
    let late = |row: &Row| plot::Row {
        range: Some(range(row.returns.iter().map(|back| back.late()))),
        ..plot::Row::new(row.name(), row.latest().late())
    };
    let nanos = |title: &str, rows| Panel::new(title, 0, rows);
    let mut panels = vec![
        nanos("p99 of a hit while it is calm, ns", bars(OTHERS, &calm)),
        nanos("p99 of a hit during the fault, ns", bars(OURS, &fault)),
        Panel {
            limit: Some(MOST_RATIO),
            ..Panel::new("p99 of hits, fault / calm (grey: no fault)", 2, bars(OURS, &ratio))
        },
        Panel {
            limit: Some(MOST_SECONDS),
            ..Panel::new("seconds until leases are won again, the latest", 2, bars(OURS, &late))
        },
    ];
    // What is side by side is to be compared.
    let largest = panels[0].largest().max(panels[1].largest());
    panels[..2].iter_mut().for_each(|panel| panel.scale = Some(largest));
    plot::svg(&panels, WIDTH, NAMES)
}
