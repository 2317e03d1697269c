//! How many events and reads a second an origin takes:
//! `cargo run -p edgecmp-origin --example load -- http://127.0.0.1:PORT/items [seconds]`

use std::error::Error;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use edgecmp_origin::client::{Client, NoAnswer, Reply};
use minicbor::Encoder;

const HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,\
    arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour";
const EVENTS_PER_BATCH: u64 = 200;
const KEYS_PER_COMPARE: u64 = 64;
const CONNECTIONS: u64 = 2;

/// As spread out as a few hours of the real thing: 16 carriers, 3 airports, 100 destinations.
fn batch(number: u64) -> String {
    let mut csv = HEADER.to_owned();
    for event in 0..EVENTS_PER_BATCH {
        let seed = (number * EVENTS_PER_BATCH + event).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let carrier = seed % 16;
        let origin = ["JFK", "LGA", "EWR"][(seed / 16 % 3) as usize];
        let (dest, hour, delay) = (seed / 48 % 100, 5 + number % 16, seed / 4800 % 90);
        // Writing to a String cannot fail.
        let _ = write!(
            csv,
            "\n2013,1,1,517,515,{delay},830,819,{delay},C{carrier},1,N1,{origin},D{dest},1,1,{hour},15,\
             2013-01-01T{hour:02}:00:00Z"
        );
    }
    csv
}

fn compare_body() -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    // Writing to a Vec cannot fail.
    let _ = encoder.array(KEYS_PER_COMPARE);
    for key in 0..KEYS_PER_COMPARE {
        let _ = encoder.array(2).and_then(|row| row.bytes(format!("carrier/C{}", key % 16).as_bytes()));
        let _ = encoder.null();
    }
    encoder.into_writer()
}

/// Runs `request` on a few connections for a while; prints `units` a second.
fn measure(
    what: &str,
    units: u64,
    client: &Client,
    seconds: u64,
    request: impl Fn(&Client, u64) -> Result<Reply, NoAnswer> + Sync,
) {
    let next = AtomicU64::new(0);
    let (done, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let client = client.separate();
                while start.elapsed() < Duration::from_secs(seconds) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let success = request(&client, number).is_ok_and(|reply| reply.is_success());
                    let count = if success { &done } else { &failed };
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let rate = (done.into_inner() * units) as f64 / seconds;
    println!("{what:<32} {rate:>9.0}/s   {} requests failed", failed.into_inner());
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let client = Client::new(&arguments.next().ok_or("usage: load URL [seconds]")?);
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let run = std::process::id();
    measure("events, batches of 200", EVENTS_PER_BATCH, &client, seconds, |client, number| {
        let id = format!("load-{run}-{number}");
        let headers = [("content-type", "text/csv"), ("idempotency-key", id.as_str())];
        client.send_to("POST", "/events", &headers, Some(batch(number).as_bytes()))
    });
    measure("writes of 100 bytes", 1, &client, seconds, |client, number| {
        client.put(format!("load/{}", number % 1000).as_bytes(), &[7; 100], &[])
    });
    measure("reads of a document", 1, &client, seconds, |client, number| {
        client.get(format!("carrier/C{}", number % 16).as_bytes(), &[])
    });
    let body = compare_body();
    measure("keys compared, 64 a request", KEYS_PER_COMPARE, &client, seconds, |client, _| {
        client.compare(&body)
    });
    Ok(())
}
