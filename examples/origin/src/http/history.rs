//! `GET /history?after=<version>&limit=<n>`.

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};

use super::App;
use crate::problem::Problem;

const DEFAULT_LIMIT: u32 = 10_000;
const MAX_LIMIT: u32 = 100_000;

pub async fn history(Shared(app): Shared<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (after, limit) = query(request.uri())?;
    // So that the page covers whatever a read has seen before it was asked for.
    app.writer.record_times().await?;
    let records = app.history.page(after, limit).await?;
    let media_type = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, media_type)], records).into_response())
}

fn query(uri: &Uri) -> Result<(u64, u32), Problem> {
    let (mut after, mut limit) = (0, DEFAULT_LIMIT);
    let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "after" => {
                // SQLite's integers are signed; no version is larger.
                let parsed = value.parse().ok().filter(|&after| i64::try_from(after).is_ok());
                after = parsed.ok_or_else(|| Problem::invalid(name, value, "0 to 2^63 - 1"))?;
            }
            "limit" => {
                let parsed = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                limit = parsed.ok_or_else(|| Problem::invalid(name, value, "1 to 100000"))?;
            }
            _ => return Err(Problem::invalid("query", name, "after, limit")),
        }
    }
    Ok((after, limit))
}
