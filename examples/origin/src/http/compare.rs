//! `POST /items/compare`: are these versions still current?

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::{App, read_body};
use crate::compare::{self, Status};
use crate::faults::ReadFault;
use crate::problem::Problem;

const CBOR: &str = "application/cbor";

pub async fn compare(Shared(app): Shared<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    if content_type.is_none_or(|value| value != CBOR) {
        let shown = content_type.map_or("none".into(), |value| String::from_utf8_lossy(value.as_bytes()));
        let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not CBOR");
        return Err(problem.field("Content-Type", shown, CBOR));
    }
    let body = read_body(body).await?;
    let questions = compare::decode(&body)?;
    let fault = parts.extensions.get::<ReadFault>().copied().unwrap_or_default();
    app.metrics.count(&app.metrics.keys_asked, "compare", questions.len() as u64);
    app.half_delay().await;
    let items = match fault.lag_versions {
        0 => app.state.get_many(questions.iter().map(|question| question.key)),
        lag => questions.iter().map(|question| app.state.get_lagging(question.key, lag)).collect(),
    };
    app.half_delay().await;
    let rows = compare::answer(&questions, &items);
    for status in Status::ALL {
        let count = rows.iter().filter(|row| row.status() == status).count();
        app.metrics.count(&app.metrics.compare_rows, status.name(), count as u64);
    }
    let body = compare::encode(&questions, &rows, fault.age_ms).map_err(|error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("answer not encoded: {error}"))
    })?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(CBOR))], body).into_response())
}
