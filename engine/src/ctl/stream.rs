//! A stream of the daemon: what comes by a WebSocket, frame by frame.

use std::io::Write;

use axum::http::header::AUTHORIZATION;
use futures_util::StreamExt;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::CtlError;
use super::client::{Client, refused};

pub(super) struct Stream(WebSocketStream<TcpStream>);

impl Stream {
    pub(super) async fn open(client: &Client, path: &str) -> Result<Self, CtlError> {
        let url = format!("ws://{}{path}", client.authority());
        let mut request = url.into_client_request().map_err(foreign)?;
        request.headers_mut().insert(AUTHORIZATION, client.authorization());
        let limits = WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX));
        let (socket, _) = client_async_with_config(request, client.connect().await?, Some(limits))
            .await
            .map_err(foreign)?;
        Ok(Self(socket))
    }

    /// The next frame; `None`: the daemon has nothing more to say.
    pub(super) async fn next(&mut self) -> Result<Option<String>, CtlError> {
        loop {
            let Some(message) = self.0.next().await else { return Ok(None) };
            match message.map_err(foreign)? {
                Message::Text(text) => return Ok(Some(text.to_string())),
                Message::Close(Some(frame)) if !frame.reason.is_empty() => {
                    return Err(CtlError::Foreign(format!("it ended the stream: {}", frame.reason)));
                }
                Message::Close(_) => return Ok(None),
                Message::Binary(_) | Message::Frame(_) | Message::Ping(_) | Message::Pong(_) => {}
            }
        }
    }
}

/// Prints what a stream says, each frame as `text` has it; nothing where that is empty.
pub(super) async fn follow(
    client: &Client,
    path: &str,
    json: bool,
    out: &mut impl Write,
    mut text: impl FnMut(&Value) -> String,
) -> Result<(), CtlError> {
    let mut stream = Stream::open(client, path).await?;
    while let Some(frame) = stream.next().await? {
        let said: Value =
            serde_json::from_str(&frame).map_err(|error| CtlError::Foreign(error.to_string()))?;
        let shown = text(&said);
        if !shown.is_empty() {
            writeln!(out, "{}", if json { &frame } else { &shown })?;
            out.flush()?;
        }
    }
    Ok(())
}

fn foreign(error: Error) -> CtlError {
    let Error::Http(answer) = error else { return CtlError::Foreign(error.to_string()) };
    match answer.body().as_deref().map(serde_json::from_slice::<Value>) {
        Some(Ok(problem)) => refused(&problem),
        _ => CtlError::Foreign(format!("status {}", answer.status())),
    }
}

/// The longest frame taken.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
