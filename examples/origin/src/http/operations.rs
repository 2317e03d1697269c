//! What operators and confused clients meet.

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;
use crate::problem::Problem;

const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

pub async fn metrics(Shared(app): Shared<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, METRICS)], app.metrics.text(app.state.key_count())).into_response()
}

/// Up means: the database is recovered (before that nothing listens) and the writer answers.
pub async fn health(Shared(app): Shared<Arc<App>>) -> Result<&'static str, Problem> {
    app.writer.record_times().await.map(|()| "ok\n")
}

pub async fn not_found(request: Request) -> Problem {
    let allowed = "/items/{key}, /items/compare, /events, /history, /metrics, /healthz";
    Problem::new(StatusCode::NOT_FOUND, "no such resource").field("path", request.uri().path(), allowed)
}

pub async fn method_not_allowed(request: Request) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "not a method of this resource").field(
        "method",
        request.method(),
        "see the Allow header",
    )
}
