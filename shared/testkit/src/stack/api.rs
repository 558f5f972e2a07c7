//! The HTTP interface of a program, as a client of it sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

const TIMEOUT: Duration = Duration::from_secs(10);
const PAGE: usize = 100;

/// One program's interface.
#[derive(Debug, Clone)]
pub struct Api {
    agent: Agent,
    port: u16,
    token: Option<String>,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// `ETag`.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Api {
    /// On a port of this machine, not signed in.
    pub fn at(port: u16) -> Self {
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
        Self { agent: config.into(), port, token: None }
    }

    /// Where it is on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same, with a sign-in token.
    #[must_use]
    pub fn signed_in(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// Where there is no answer; any status is one.
    pub fn get(&self, path: &str) -> Result<Answer, String> {
        self.send("GET", path, "application/json", &[])
    }

    /// Sends anything.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Result<Answer, String> {
        let failed = |e: &dyn std::fmt::Display| format!("{method} {path}: {e}");
        let mut request = Request::builder().method(method).uri(format!("http://127.0.0.1:{}{path}", self.port));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.header("content-type", content_type).body(body).map_err(|e| failed(&e))?;
        let request = self.agent.configure_request(request).allow_non_standard_methods(true).build();
        let mut answer = self.agent.run(request).map_err(|e| failed(&e))?;
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (content_type, etag) = (header("content-type").unwrap_or_default(), header("etag"));
        Ok(Answer {
            status: answer.status().as_u16(),
            content_type,
            etag,
            body: answer.body_mut().read_to_vec().map_err(|e| failed(&e))?,
        })
    }

    /// Asks for a path that answers 200 with JSON.
    ///
    /// # Errors
    /// Where it does not.
    pub fn json(&self, path: &str) -> Result<Value, String> {
        let answer = self.get(path)?;
        if answer.status != 200 {
            return Err(format!("GET {path}: status {}: {}", answer.status, answer.text()));
        }
        serde_json::from_slice(&answer.body).map_err(|e| format!("GET {path}: {e}"))
    }

    /// One camera, as the hub shows it.
    ///
    /// # Errors
    /// Where it does not show it.
    pub fn camera(&self, stream: &str) -> Result<Value, String> {
        let cameras = self.json("/api/v1/cameras")?;
        let cameras = cameras["cameras"].as_array().cloned().unwrap_or_default();
        cameras.into_iter().find(|camera| camera["stream"] == stream).ok_or(format!("there is no camera {stream}"))
    }

    /// Every event in the hub's store, page by page, newest first. `filter` is a part of a query, such as
    /// `label=person`, or empty.
    ///
    /// # Errors
    /// Where a page can't be read.
    pub fn events(&self, filter: &str) -> Result<Vec<Value>, String> {
        let mut events: Vec<Value> = vec![];
        let mut before = String::new();
        loop {
            let page = self.json(&format!("/api/v1/events?limit={PAGE}&{filter}{before}"))?;
            events.extend(page["events"].as_array().cloned().unwrap_or_default());
            let Some(next) = page["next"].as_str() else { return Ok(events) };
            before = format!("&before={next}");
        }
    }

    /// The program's metrics: by name and labels as they are written, such as `omma_step_done_total{step="decode"}`.
    ///
    /// # Errors
    /// Where it does not answer with 200.
    pub fn metrics(&self) -> Result<BTreeMap<String, f64>, String> {
        let answer = self.get("/metrics")?;
        let text = answer.text();
        if answer.status != 200 {
            return Err(format!("GET /metrics: status {}: {text}", answer.status));
        }
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(lines
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(k, v)| Some((k.to_owned(), v.parse().ok()?)))
            .collect())
    }

    /// The sum of all metrics whose name and labels begin so: 0 where there is none, as of a counter that has counted
    /// nothing yet. For one that must be there see [`Api::existing_metric`].
    ///
    /// # Errors
    /// As [`Api::metrics`].
    pub fn metric(&self, beginning: &str) -> Result<f64, String> {
        Ok(self.metrics()?.iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, value)| value).sum())
    }

    /// One metric, by its whole name and labels.
    ///
    /// # Errors
    /// As [`Api::metrics`], and where it is not there.
    pub fn existing_metric(&self, name: &str) -> Result<f64, String> {
        self.metrics()?.get(name).copied().ok_or_else(|| format!("GET /metrics: there is no {name}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use super::*;

    /// Of a server that answers everything alike.
    fn answering(status: &str, body: &str) -> Api {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let len = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}");
        thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let mut lines = BufReader::new(socket.try_clone().unwrap()).lines();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                socket.write_all(answer.as_bytes()).unwrap();
            }
        });
        Api::at(port)
    }

    #[test]
    fn what_is_absent_counts_as_0_only_where_it_may() {
        let api = answering("200 OK", "# HELP a b\na 2\nb{c=\"d\"} 3\nb{c=\"e\"} 4\n");
        assert_eq!(api.metric("b"), Ok(7.0));
        assert_eq!(api.metric("x"), Ok(0.0));
        assert_eq!(api.existing_metric("a"), Ok(2.0));
        let wrong = api.existing_metric("x").unwrap_err();
        assert!(wrong.contains("there is no x"), "{wrong}");
    }

    #[test]
    fn an_answer_other_than_200_holds_no_metrics() {
        let api = answering("503 Service Unavailable", "a 2\n");
        for wrong in [api.metrics().unwrap_err(), api.metric("a").unwrap_err(), api.existing_metric("a").unwrap_err()] {
            assert!(wrong.contains("status 503"), "{wrong}");
        }
    }
}
