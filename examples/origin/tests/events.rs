//! `POST /events`: batches become documents, once.

mod common;

use common::{Database, FLIGHTS_HEADER, Origin, flight, json, post_events};

#[test]
fn a_batch_becomes_documents() {
    let origin = Origin::in_memory();
    let csv = format!(
        "{FLIGHTS_HEADER}\n{}{}{}",
        flight("UA", 30),
        flight("UA", -4),
        "2013,1,1,NA,815,NA,NA,1815,NA,AA,4308,N18120,JFK,LAX,NA,416,8,15,2013-01-01 14:00:00\n",
    );
    let reply = post_events(&origin.client, "batch", &csv).unwrap();
    assert_eq!(reply.status, 200, "{}", common::text(&reply));
    let wanted = serde_json::json!({ "events": 3, "documents": 7, "seq": 7 });
    assert_eq!(json(&reply), wanted);
    assert_eq!(reply.version(), Some(7));
    for key in [
        "carrier/UA",
        "carrier/AA",
        "route/JFK-LAX",
        "airport/JFK/hour/08",
        "dest/LAX/hour/08",
        "carrier/UA/month/01",
        "carrier/AA/month/01",
    ] {
        let reply = origin.client.get(key.as_bytes(), &[]).unwrap();
        assert_eq!(reply.header("content-type"), Some("application/json"), "{key}");
        assert_eq!(json(&reply)["key"], key);
    }
    let route = json(&origin.client.get(b"route/JFK-LAX", &[]).unwrap());
    assert_eq!(route["flights"], 3);
    assert_eq!(route["cancelled"], 1);
    assert_eq!(route["last_event"], "2013-01-01T14:00:00Z");
    let delay = &route["dep_delay"];
    assert_eq!((&delay["mean"], &delay["max"], &delay["over15"]), (&13.0.into(), &30.into(), &1.into()));
    assert_eq!((&delay["sum"], &delay["count"]), (&26.into(), &2.into()));
    assert_eq!((&delay["p50"], &delay["p90"]), (&0.into(), &30.into()));
}

#[test]
fn a_batch_counts_once_and_over_restarts() {
    let database = Database::new();
    let origin = database.start();
    let csv = format!("{FLIGHTS_HEADER}\n{}", flight("UA", 1));
    origin.fault(r#"{"drop_answer": true, "match": "/events"}"#);
    assert!(post_events(&origin.client, "first", &csv).is_err());
    origin.kill();
    let origin = database.start();
    let retried = post_events(&origin.client, "first", &csv).unwrap();
    assert_eq!(retried.header("idempotent-replayed"), Some("true"));
    assert_eq!(json(&retried)["seq"], 5);
    let other = format!("{FLIGHTS_HEADER}\n{}", flight("UA", 2));
    assert_eq!(post_events(&origin.client, "first", &other).unwrap().status, 422);
    assert_eq!(json(&post_events(&origin.client, "second", &csv).unwrap())["seq"], 10);
    assert_eq!(json(&origin.client.get(b"carrier/UA", &[]).unwrap())["flights"], 2);
}

#[test]
fn foreign_values_and_deletes_are_seen() {
    let origin = Origin::in_memory();
    let client = &origin.client;
    let csv = format!("{FLIGHTS_HEADER}\n{}", flight("UA", 1));
    post_events(client, "1", &csv).unwrap();
    client.put(b"route/JFK-LAX", b"not a document", &[]).unwrap();
    let reply = post_events(client, "2", &csv).unwrap();
    assert_eq!((reply.status, &json(&reply)["value"]), (409, &"route/JFK-LAX".into()));
    let untouched = json(&client.get(b"carrier/UA", &[]).unwrap());
    assert_eq!(untouched["flights"], 1, "a refused batch leaves nothing behind");
    client.delete(b"route/JFK-LAX", &[]).unwrap();
    // A refusal is not kept: the cause was another key's value, and it is gone.
    assert_eq!(post_events(client, "2", &csv).unwrap().status, 200);
    assert_eq!(json(&client.get(b"route/JFK-LAX", &[]).unwrap())["flights"], 1);
    assert_eq!(json(&client.get(b"carrier/UA", &[]).unwrap())["flights"], 2);
}

#[test]
fn bad_batches_are_refused_whole() {
    let origin = Origin::in_memory();
    let good = format!("{FLIGHTS_HEADER}\n{}", flight("UA", 1));
    let damaged = format!("{good}{}", flight("UA", 1).replace(",8,15,", ",x,15,"));
    let reply = post_events(&origin.client, "1", &damaged).unwrap();
    assert_eq!((reply.status, &json(&reply)["field"]), (400, &"hour in line 3".into()));
    let csv = [("content-type", "text/csv")];
    let reply = origin.client.send_to("POST", "/events", &csv, Some(good.as_bytes())).unwrap();
    assert_eq!((reply.status, &json(&reply)["field"]), (400, &"Idempotency-Key".into()));
    let json_type = [("content-type", "application/json"), ("idempotency-key", "2")];
    assert_eq!(origin.client.send_to("POST", "/events", &json_type, Some(b"[]")).unwrap().status, 415);
    assert!(origin.history().is_empty());
}
