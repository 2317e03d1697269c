//! Input and popularity: nothing lost, nothing twice, popular keys popular.

use edgecmp_demo::flights::Flights;
use edgecmp_demo::origin_client::{counter_sum, percent_encoded};
use edgecmp_demo::popularity::{DRAWS, draw};
use edgecmp_demo::truth;

#[test]
fn batches_cover_every_flight_once() {
    for end in ["", "\n"] {
        let text = format!("year,month,day,x\n1,1,1,a\n2,2,2,b\n3,3,3,c{end}");
        let flights = Flights::parse(text).unwrap();
        assert_eq!(flights.len(), 3);
        let bodies: Vec<_> = [0, 2].map(|first| flights.batch(first, 2).unwrap().body).to_vec();
        assert_eq!(bodies[0], "year,month,day,x\n1,1,1,a\n2,2,2,b\n");
        assert_eq!(bodies[1], format!("year,month,day,x\n3,3,3,c{end}"));
        assert_eq!(flights.batch(3, 2), None);
    }
    assert!(Flights::parse("no header".into()).is_err());
}

#[test]
fn the_first_keys_by_rank_get_the_share_of_a_zipf_law() {
    let keys = 1_000;
    let mut counts = vec![0_u32; keys];
    draw(keys, DRAWS, 1).into_iter().for_each(|key| counts[key as usize] += 1);
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let weights: f64 = (1..=keys).map(|rank| (rank as f64).powf(-0.99)).sum();
    let share = f64::from(counts[0]) / DRAWS as f64;
    assert!((share - 1.0 / weights).abs() < 0.01, "{share}");
    assert!(counts[keys - 1] > 0);
    assert_eq!(draw(keys, 100, 1), draw(keys, 100, 1));
    assert_ne!(draw(keys, 100, 1), draw(keys, 100, 2));
    assert!(draw(0, 5, 1).is_empty());
}

#[test]
fn keys_become_one_path_segment() {
    assert_eq!(percent_encoded("route/JFK-LAX 1~é"), "route%2FJFK-LAX%201~%C3%A9");
}

#[test]
fn counters_are_summed_over_the_labels_that_are_wanted() {
    let text = "# TYPE a counter\na_total{x=\"1\"} 3\na_total{x=\"2\"} 4\na_total_more 9\nb 1\n";
    assert_eq!(counter_sum(text, "a_total", |_| true), 7);
    assert_eq!(counter_sum(text, "a_total", |labels| labels.contains("\"2\"")), 4);
    assert_eq!(counter_sum(text, "b", |_| true), 1);
}

#[test]
fn a_page_of_history_that_is_cut_off_is_an_error() {
    let mut page = vec![0; 32];
    page[0] = 5;
    page[30] = 1;
    page.push(b'k');
    assert_eq!(truth::rows(&page).unwrap()[0].key, b"k");
    assert!(truth::rows(&page[..32]).is_err());
    assert!(truth::rows(&page[..10]).is_err());
}
