//! One request over one connection.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::CtlError;

/// Where the daemon is and who asks.
pub(super) struct Client {
    authority: Authority,
    authorization: HeaderValue,
}

impl Client {
    pub(super) fn new(url: &str, token: String) -> Result<Self, CtlError> {
        let wrong = || CtlError::Url(url.to_owned());
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?.clone();
        if uri.scheme() != Some(&Scheme::HTTP) || uri.path() != "/" {
            return Err(wrong());
        }
        let mut authorization =
            HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| CtlError::NoToken)?;
        authorization.set_sensitive(true);
        Ok(Self { authority, authorization })
    }

    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub(super) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, CtlError> {
        self.request(Method::GET, path, Body::empty()).await
    }

    /// An answer that is no JSON.
    pub(super) async fn get_file(&self, path: &str) -> Result<Bytes, CtlError> {
        let (status, body) = self.exchange(Method::GET, path, Body::empty()).await?;
        if status.is_success() { Ok(body) } else { Err(refused(&read(status, &body)?)) }
    }

    pub(super) async fn post(&self, path: &str, argument: &Value) -> Result<Value, CtlError> {
        self.request(Method::POST, path, Body::from(argument.to_string())).await
    }

    pub(super) async fn put(&self, path: &str, argument: &Value) -> Result<Value, CtlError> {
        self.request(Method::PUT, path, Body::from(argument.to_string())).await
    }

    /// Opens a connection to the daemon.
    pub(super) async fn connect(&self) -> Result<TcpStream, CtlError> {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let connected =
            timeout(CONNECT_MAX, TcpStream::connect((host, self.authority.port_u16().unwrap_or(80))));
        let failed = |error| CtlError::Unreachable(self.authority.to_string(), error);
        connected.await.map_err(|_| failed(io::ErrorKind::TimedOut.into()))?.map_err(failed)
    }

    /// What the daemon says of itself when it takes calls.
    pub(super) async fn ready(&self) -> Result<String, CtlError> {
        let (status, body) = self.exchange(Method::GET, "/readyz", Body::empty()).await?;
        let text = String::from_utf8_lossy(&body).into_owned();
        match status {
            StatusCode::OK => Ok(text),
            StatusCode::SERVICE_UNAVAILABLE => Err(CtlError::NotReady(text.trim_end().to_owned())),
            _ => Err(CtlError::Foreign(format!("status {status}"))),
        }
    }

    async fn request(&self, method: Method, path: &str, body: Body) -> Result<Value, CtlError> {
        let (status, body) = self.exchange(method, path, body).await?;
        let answer = read(status, &body)?;
        if status.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<(StatusCode, Bytes), CtlError> {
        let foreign = |error: hyper::Error| CtlError::Foreign(error.to_string());
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(self.connect().await?)).await.map_err(foreign)?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.authority.as_str())
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| CtlError::Foreign(error.to_string()))?;
        let exchange = async {
            let response = sender.send_request(request).await.map_err(foreign)?;
            let status = response.status();
            let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX).await;
            let body = body.map_err(|error| CtlError::Foreign(error.to_string()))?;
            Ok((status, body))
        };
        tokio::pin!(exchange, connection);
        tokio::select! {
            answer = &mut exchange => answer,
            // The connection's own end shows in the exchange too.
            _ = &mut connection => exchange.await,
        }
    }
}

fn read(status: StatusCode, body: &[u8]) -> Result<Value, CtlError> {
    serde_json::from_slice(body).map_err(|_| CtlError::Foreign(format!("status {status}")))
}

/// The error of a problem (RFC 9457).
pub(super) fn refused(problem: &Value) -> CtlError {
    let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let sentence = problem.pointer("/explain/sentence").and_then(Value::as_str).unwrap_or_default();
    CtlError::Refused { code: text("code"), detail: text("detail"), sentence: sentence.to_owned() }
}

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// The longest answer: a list of some hundred thousand calls.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
